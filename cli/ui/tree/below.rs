//! A tree with questions below it, on a terminal on which all is drawn again.

use super::{Shown, tree};
use crate::{
    proposed::{OPTIONS, quote_id},
    ui::{
        cells,
        screen::Screen,
        text::{counted, width},
    },
};

/// On fewer rows the tree alone is shown: it names the command that answers.
const ROWS_MIN: usize = 8;
/// The rows of an id, a question and the command that answers it.
const ROWS_OF_NEED: usize = 3;

/// The rows of one line, which are shown or left out together: a label and its command.
type Unit = Vec<String>;

fn rows_of(units: &[Unit]) -> usize {
    units.iter().map(Vec::len).sum()
}

/// The tree, then the questions to people, and then the last lines, such as the command that continues the execution. The tree has at least
/// a part of the rows.
pub fn tree_with_questions(
    shown: &Shown,
    questions: &[Vec<String>],
    last_lines: &[String],
    screen: &Screen,
) -> Vec<String> {
    let has_room = screen.rows >= ROWS_MIN;
    if !has_room && !questions.is_empty() {
        return announced(shown, questions, screen);
    }
    let wrapped = |lines: &[String]| -> Vec<Unit> {
        let units = lines.iter().filter(|_| has_room).map(|line| screen.wrapped(line));
        drawable(units.collect(), screen.columns, &shown.view.id)
    };
    let questions: Vec<Vec<Unit>> = questions.iter().map(|lines| wrapped(lines)).collect();
    let last_lines = wrapped(last_lines);
    let wanted = questions.iter().map(|question| rows_of(question)).sum::<usize>() + rows_of(&last_lines);
    let rows_of_tree = screen.rows.saturating_sub(wanted).max(screen.rows.div_ceil(3));
    let tree = tree(shown, &Screen { rows: rows_of_tree, ..*screen });
    let mut drawn: Vec<String> = tree.iter().map(|line| screen.paint(line)).collect();
    let left = screen.rows.saturating_sub(drawn.len());
    let mut last_rows: Vec<String> = Vec::new();
    for unit in last_lines {
        if last_rows.len() + unit.len() > left {
            break;
        }
        last_rows.extend(unit);
    }
    let mut below = complete(&questions, left - last_rows.len(), &shown.view.id);
    below.extend(last_rows);
    drawn.extend(below.iter().map(|line| screen.cut(line)));
    drawn
}

/// The tree, and below it a line that is shown at every height.
pub fn tree_with_last_line(shown: &Shown, last_line: &str, screen: &Screen) -> Vec<String> {
    let mut last = screen.wrapped(last_line);
    last.truncate(screen.rows);
    let rows = screen.rows - last.len();
    let mut drawn: Vec<String> = match rows {
        0 => Vec::new(),
        rows => tree(shown, &Screen { rows, ..*screen }).iter().map(|line| screen.paint(line)).collect(),
    };
    drawn.extend(last.iter().map(|line| screen.cut(line)));
    drawn
}

/// The tree, and in the last row how many lines of questions are not shown, unless the tree names the command that shows them.
fn announced(shown: &Shown, questions: &[Vec<String>], screen: &Screen) -> Vec<String> {
    let id = &shown.view.id;
    let painted = |rows: usize| -> Vec<String> {
        let tree = tree(shown, &Screen { rows, ..*screen });
        tree.iter().map(|line| screen.paint(line)).collect()
    };
    let hidden = questions.iter().map(Vec::len).sum::<usize>();
    let (row, command) = (more_lines("", hidden, id), format!("flow status {}", quote_id(id)));
    let drawn = painted(screen.rows);
    let is_named = drawn.iter().any(|line| line.contains(&command));
    if screen.rows <= ROWS_OF_NEED || is_named || width(&row) > screen.columns {
        return drawn;
    }
    let mut drawn = painted(screen.rows - 1);
    drawn.push(screen.cut(&row));
    drawn
}

/// The row in place of lines that are left out, with the command that shows them.
fn more_lines(indent: &str, number: usize, id: &str) -> String {
    format!("{indent}… {}: flow status {}{OPTIONS}", counted(number, "more line"), quote_id(id))
}

/// Lines that the screen can draw. A command that is wider than the screen would be cut and could not be pasted: all such lines are
/// replaced by one command that shows them. Other words that are too long are continued in the next row.
fn drawable(lines: Vec<Unit>, columns: usize, id: &str) -> Vec<Unit> {
    let mut drawn = Vec::with_capacity(lines.len());
    let mut hidden = 0;
    for line in lines {
        if line.iter().any(|row| width(row) > columns && cells::has_own_command(row)) {
            hidden += 1;
            continue;
        }
        drawn.push(line.iter().flat_map(|row| continued(row, columns)).collect());
    }
    if hidden > 0 {
        let commands = counted(hidden, "more command");
        drawn.push(vec![format!("  … {commands}:   flow status {}{OPTIONS}", quote_id(id))]);
    }
    drawn
}

/// A row in as many rows as it needs.
fn continued(row: &str, columns: usize) -> Vec<String> {
    let mut rows = Vec::new();
    let mut rest = row;
    while width(rest) > columns {
        let part = match cells::first(rest, columns) {
            "" => break,
            part => part,
        };
        rows.push(part.to_owned());
        rest = &rest[part.len()..];
    }
    rows.push(rest.to_owned());
    rows
}

/// The first questions that fit completely, and the number of the others: a command must never be below the heading of another
/// question. Of a first question that does not fit, a part is left out.
fn complete(questions: &[Vec<Unit>], most: usize, id: &str) -> Vec<String> {
    if questions.iter().map(|question| rows_of(question)).sum::<usize>() <= most {
        return questions.concat().concat();
    }
    let [first, others @ ..] = questions else { return Vec::new() };
    // The last row has the number of the others.
    let most_lines = most.saturating_sub(usize::from(!others.is_empty()));
    let mut lines = shortened(first, most_lines, id);
    let mut left_out = others.len();
    for question in others {
        if lines.len() + rows_of(question) > most_lines {
            break;
        }
        lines.extend(question.concat());
        left_out -= 1;
    }
    if left_out > 0 && most > 0 {
        lines.push(format!("… {}: flow status {}{OPTIONS}", counted(left_out, "more question"), quote_id(id)));
    }
    lines
}

/// A question in at most `most` rows: the heading, the first commands, then the first lines of its text. One row counts those that are
/// left out.
fn shortened(question: &[Unit], most: usize, id: &str) -> Vec<String> {
    let all = rows_of(question);
    if all <= most {
        return question.concat();
    }
    let is_command = |unit: &Unit| unit.iter().any(|row| cells::has_own_command(row));
    // In two rows there is room for a command or the heading.
    let importance = |index: usize| match (index, question.get(index).is_some_and(is_command)) {
        (0, _) if most > 2 => 0,
        (_, true) => 1,
        _ => 2,
    };
    let mut order: Vec<usize> = (0..question.len()).collect();
    order.sort_by_key(|index| importance(*index));
    let mut room = most.saturating_sub(1);
    let mut is_shown = vec![false; question.len()];
    for index in order {
        let rows = question.get(index).map_or(0, Vec::len);
        if rows > room {
            break;
        }
        room -= rows;
        is_shown[index] = true;
    }
    let shown = most.saturating_sub(1) - room;
    let mut rows = Vec::with_capacity(most);
    let mut more = Some(more_lines("  ", all - shown, id)).filter(|_| most > 0);
    for (unit, is_shown) in question.iter().zip(is_shown) {
        match is_shown {
            true => rows.extend_from_slice(unit),
            false => rows.extend(more.take()),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(rows: &[&str]) -> Unit {
        rows.iter().map(|row| (*row).to_owned()).collect()
    }

    #[test]
    fn a_command_is_never_cut_and_a_long_word_is_continued() {
        let command = format!("    flow approve p-1 '{}'", "x".repeat(40));
        let lines = vec![unit(&["  公開する前に確認してください"]), unit(&["  To approve:", command.as_str()])];
        let drawn = drawable(lines, 40, "p-1");
        let expected = [unit(&["  公開する前に確認してください"]), unit(&["  … 1 more command:   flow status p-1"])];
        assert_eq!(drawn, expected, "a label is not shown without its command");
        assert_eq!(drawable(vec![unit(&["short"])], 24, "p-1"), [unit(&["short"])]);
        let question = "  The flow 公開する前に確認してください";
        let drawn = drawable(vec![unit(&[question])], 24, "p-1");
        assert_eq!(drawn.concat().concat(), question, "a question that speaks of a flow is no command");
    }

    #[test]
    fn what_a_stop_waits_for_is_below_the_tree_at_every_height() {
        let story = crate::ui::story::running();
        let now_ms = crate::ui::story::Story::at(124.0);
        let shown = Shown { view: &story.view, display_status: "RUNNING", typical: None, now_ms };
        for rows in 1..40 {
            let screen = Screen { columns: 79, rows, color: false, ascii: false };
            let lines = tree_with_last_line(&shown, "Stopping: waits for Build", &screen);
            assert_eq!(lines.last().map(String::as_str), Some("Stopping: waits for Build"));
            assert!(lines.len() <= rows && (rows < 2 || lines[0].contains("RUNNING")), "{rows} rows: {lines:?}");
        }
    }

    #[test]
    fn the_first_commands_stay_with_their_labels_where_the_lines_do_not_fit() {
        let mut lines: Vec<Unit> = (1..=10).map(|number| vec![format!("line {number}")]).collect();
        for what in ["approve", "reject", "cancel"] {
            lines.push(vec![format!("  To {what}:"), format!("    flow {what} r-1")]);
        }
        assert_eq!(shortened(&lines, 16, "r-1"), lines.concat());
        let few = shortened(&lines, 9, "r-1");
        let expected = [
            "line 1",
            "line 2",
            "  … 8 more lines: flow status r-1",
            "  To approve:",
            "    flow approve r-1",
            "  To reject:",
            "    flow reject r-1",
            "  To cancel:",
            "    flow cancel r-1",
        ];
        assert_eq!(few, expected);
        let four = shortened(&lines, 4, "r-1");
        assert_eq!(four, ["line 1", "  … 13 more lines: flow status r-1", "  To approve:", "    flow approve r-1"]);
        for most in 0..16 {
            let shown = shortened(&lines, most, "r-1");
            assert!(shown.len() <= most, "{most} rows: {shown:?}");
            let number = |words: &str| shown.iter().filter(|row| row.starts_with(words)).count();
            assert_eq!(number("  To "), number("    flow "), "{most} rows: {shown:?}");
        }
    }

    #[test]
    fn questions_are_left_out_completely() {
        let question = |number: usize| -> Vec<Unit> {
            vec![
                vec![format!("Ask {number} needs you:")],
                vec![format!("  To approve: {number}")],
                vec![format!("  To reject: {number}")],
            ]
        };
        let questions: Vec<Vec<Unit>> = (0..4).map(question).collect();
        assert_eq!(complete(&questions, 12, "r-1"), questions.concat().concat());
        for most in 0..12 {
            let lines = complete(&questions, most, "r-1");
            assert!(lines.len() <= most, "{most} rows: {lines:?}");
            let mut heading = None;
            for line in &lines {
                match line.strip_suffix(" needs you:") {
                    Some(asks) => heading = asks.strip_prefix("Ask "),
                    None if line.starts_with("  To ") => {
                        let number = line.rsplit(' ').next();
                        assert!(number == heading || (heading.is_none() && number == Some("0")), "{lines:?}");
                    }
                    None => assert!(line.contains("flow status r-1"), "{lines:?}"),
                }
            }
        }
        let two = complete(&questions, 7, "r-1");
        assert_eq!((two[3].as_str(), two.len()), ("Ask 1 needs you:", 7));
        assert!(two[6].starts_with("… 2 more questions: flow status r-1"), "{two:?}");
        assert!(complete(&questions, 10, "r-1")[9].starts_with("… 1 more question: flow status r-1"));
    }
}

//! A tree with questions below it, on a terminal on which all is drawn again.

use super::{Shown, tree};
use crate::{
    proposed::OPTIONS,
    shell::quote_name,
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

/// The tree, below it what people are asked, and then the last lines, such as the command that continues the execution. The tree has at
/// least a part of the rows.
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
    let wrapped = |lines: &[String]| -> Vec<String> {
        let rows = lines.iter().filter(|_| has_room).flat_map(|line| screen.wrapped(line));
        drawable(rows.collect(), screen.columns, &shown.view.id)
    };
    let questions: Vec<Vec<String>> = questions.iter().map(|lines| wrapped(lines)).collect();
    let last_lines = wrapped(last_lines);
    let wanted = questions.iter().map(Vec::len).sum::<usize>() + last_lines.len();
    let rows_of_tree = screen.rows.saturating_sub(wanted).max(screen.rows.div_ceil(3));
    let tree = tree(shown, &Screen { rows: rows_of_tree, ..*screen });
    let mut drawn: Vec<String> = tree.iter().map(|line| screen.paint(line)).collect();
    let left = screen.rows.saturating_sub(drawn.len());
    let last_lines = &last_lines[..last_lines.len().min(left)];
    let mut below = complete(&questions, left - last_lines.len(), &shown.view.id);
    below.extend_from_slice(last_lines);
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
    let (row, command) = (more_lines("", hidden, id), format!("flow status {}", quote_name(id)));
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
    format!("{indent}… {}: flow status {}{OPTIONS}", counted(number, "more line"), quote_name(id))
}

/// Rows that the screen can draw. A command that is wider than the screen would be cut, and could not be pasted: in place of all such
/// commands is one that shows them. Other words that are too long are continued in the next row.
fn drawable(rows: Vec<String>, columns: usize, id: &str) -> Vec<String> {
    let mut drawn = Vec::with_capacity(rows.len());
    let mut hides_commands = false;
    for row in rows {
        if width(&row) > columns && cells::has_own_command(&row) {
            hides_commands = true;
            continue;
        }
        let mut rest = row.as_str();
        while width(rest) > columns {
            let part = match cells::first(rest, columns) {
                "" => break,
                part => part,
            };
            drawn.push(part.to_owned());
            rest = &rest[part.len()..];
        }
        drawn.push(rest.to_owned());
    }
    if hides_commands {
        drawn.push(format!("  The commands:   flow status {}{OPTIONS}", quote_name(id)));
    }
    drawn
}

/// The first questions that fit completely, and the number of the others: a command must never be below the heading of another
/// question. Of a first question that does not fit, the middle is left out.
fn complete(questions: &[Vec<String>], most: usize, id: &str) -> Vec<String> {
    if questions.iter().map(Vec::len).sum::<usize>() <= most {
        return questions.concat();
    }
    let [first, others @ ..] = questions else { return Vec::new() };
    // The last row has the number of the others.
    let most_lines = most.saturating_sub(usize::from(!others.is_empty()));
    let mut lines = shortened(first, most_lines, id);
    let mut left_out = others.len();
    for question in others {
        if lines.len() + question.len() > most_lines {
            break;
        }
        lines.extend_from_slice(question);
        left_out -= 1;
    }
    if left_out > 0 && most > 0 {
        lines.push(format!("… {}: flow status {}{OPTIONS}", counted(left_out, "more question"), quote_name(id)));
    }
    lines
}

/// At most so many lines of a question: the first, the last, which are the commands, and the number of the others between them.
fn shortened(lines: &[String], most: usize, id: &str) -> Vec<String> {
    if lines.len() <= most {
        return lines.to_vec();
    }
    let first = usize::from(most > 2) + usize::from(most > 6);
    let last = most.saturating_sub(first + 1);
    let more = more_lines("  ", lines.len() - first - last, id);
    let (head, tail) = (lines.iter().take(first), lines.iter().skip(lines.len() - last));
    head.chain(std::iter::once(&more)).chain(tail).take(most).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_never_cut_and_a_long_word_is_continued() {
        let rows = ["  公開する前に確認してください".to_owned(), format!("    flow approve p-1 '{}'", "x".repeat(40))];
        let drawn = drawable(rows.to_vec(), 24, "p-1");
        assert_eq!(drawn, ["  公開する前に確認してく", "ださい", "  The commands:   flow status p-1"]);
        assert_eq!(drawable(vec!["short".to_owned()], 24, "p-1"), ["short"]);
        let question = "  The flow 公開する前に確認してください";
        let drawn = drawable(vec![question.to_owned()], 24, "p-1");
        assert_eq!(drawn.concat(), question, "a question that speaks of a flow is no command");
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
    fn the_commands_stay_where_the_lines_do_not_fit() {
        let lines: Vec<String> = (1..=20).map(|number| format!("line {number}")).collect();
        assert_eq!(shortened(&lines, 20, "r-1"), lines);
        let few = shortened(&lines, 8, "r-1");
        assert_eq!(few.len(), 8);
        assert_eq!((few[0].as_str(), few[1].as_str(), few[7].as_str()), ("line 1", "line 2", "line 20"));
        assert!(few[2].starts_with("  … 13 more lines: flow status r-1"), "{few:?}");
        for most in 0..20 {
            assert_eq!(shortened(&lines, most, "r-1").len(), most);
        }
    }

    #[test]
    fn questions_are_left_out_completely() {
        let question = |number: usize| -> Vec<String> {
            vec![
                format!("Ask {number} needs you:"),
                format!("  To approve: {number}"),
                format!("  To reject: {number}"),
            ]
        };
        let questions: Vec<Vec<String>> = (0..4).map(question).collect();
        assert_eq!(complete(&questions, 12, "r-1"), questions.concat());
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

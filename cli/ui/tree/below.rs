//! A tree with lines below it, on a terminal on which both are drawn again.

use super::{Shown, tree};
use crate::{
    proposed::{OPTIONS, quoted},
    ui::screen::Screen,
};

/// On fewer rows the tree alone is shown: it names the command that answers.
const ROWS_MIN: usize = 8;

/// The tree, and below it blocks of lines such as a question with its commands: a heading, and indented lines. The tree has at least a
/// part of the rows. Where not all blocks fit, the last ones are left out, so that no command is below the heading of another question.
pub fn tree_with_lines(shown: &Shown, lines: &[String], screen: &Screen) -> Vec<String> {
    let lines: &[String] = if screen.rows < ROWS_MIN { &[] } else { lines };
    let rows_of_tree = screen.rows.saturating_sub(lines.len()).max(screen.rows.div_ceil(3));
    let tree = tree(shown, &Screen { rows: rows_of_tree, ..*screen });
    let mut drawn: Vec<String> = tree.iter().map(|line| screen.paint(line)).collect();
    let left = screen.rows.saturating_sub(drawn.len());
    drawn.extend(shortened(lines, left, &shown.view.id).iter().map(|line| screen.cut(line)));
    drawn
}

/// At most so many of the lines: as many complete blocks as fit, at least the first one, and the number of the others.
fn shortened(lines: &[String], most: usize, id: &str) -> Vec<String> {
    if lines.len() <= most {
        return lines.to_vec();
    }
    let blocks: Vec<&[String]> = lines.chunk_by(|_, next| next.starts_with(' ')).collect();
    let [first, others @ ..] = blocks.as_slice() else { return Vec::new() };
    if others.is_empty() {
        return shortened_block(first, most, id);
    }
    // The last line counts the blocks that are left out.
    let room = most.saturating_sub(1);
    // On two lines a command would have no heading.
    let mut shown =
        if room > 2 { shortened_block(first, room, id) } else { first.iter().take(room).cloned().collect() };
    let mut left_out = others.len();
    for block in others {
        if shown.len() + block.len() > room {
            break;
        }
        shown.extend_from_slice(block);
        left_out -= 1;
    }
    shown.push(format!("… {left_out} more wait: flow status {}{OPTIONS}", quoted(id)));
    shown.truncate(most);
    shown
}

/// At most so many lines of a block: the first, the last, which are the commands, and the number of the others between them.
fn shortened_block(lines: &[String], most: usize, id: &str) -> Vec<String> {
    if lines.len() <= most {
        return lines.to_vec();
    }
    let first = usize::from(most > 2) + usize::from(most > 6);
    let last = most.saturating_sub(first + 1);
    let more = format!("  … {} more lines: flow status {}{OPTIONS}", lines.len() - first - last, quoted(id));
    let (head, tail) = (lines.iter().take(first), lines.iter().skip(lines.len() - last));
    head.chain(std::iter::once(&more)).chain(tail).take(most).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_stay_where_the_lines_do_not_fit() {
        let lines: Vec<String> =
            (1..=20).map(|number| format!("{}line {number}", if number == 1 { "" } else { "  " })).collect();
        assert_eq!(shortened(&lines, 20, "r-1"), lines);
        let few = shortened(&lines, 8, "r-1");
        assert_eq!(few.len(), 8);
        assert_eq!((few[0].as_str(), few[1].as_str(), few[7].as_str()), ("line 1", "  line 2", "  line 20"));
        assert!(few[2].starts_with("  … 13 more lines: flow status r-1"), "{few:?}");
        for most in 0..20 {
            assert_eq!(shortened(&lines, most, "r-1").len(), most);
        }
    }

    #[test]
    fn no_command_is_below_the_heading_of_another_question() {
        let question = |number: usize| {
            [
                format!("Ask {number} needs you:"),
                format!("  Question {number}"),
                format!("  flow approve r-1 Ask{number}"),
            ]
        };
        let lines: Vec<String> = (0..20).flat_map(question).collect();
        for most in 0..lines.len() {
            let shown = shortened(&lines, most, "r-1");
            assert!(shown.len() <= most, "{most}: {shown:?}");
            let mut heading = "";
            for line in &shown {
                match line.strip_prefix("Ask ").and_then(|rest| rest.split(' ').next()) {
                    Some(number) => heading = number,
                    None if line.contains("flow approve") => {
                        assert!(line.ends_with(&format!("Ask{heading}")), "{most}: {shown:?}")
                    }
                    None => {}
                }
            }
        }
        let shown = shortened(&lines, 8, "r-1");
        assert_eq!(shown.len(), 7, "two questions and the number of the others: {shown:?}");
        assert_eq!(shown[6], "… 18 more wait: flow status r-1");
    }
}

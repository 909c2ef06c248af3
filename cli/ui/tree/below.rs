//! A tree with lines below it, on a terminal on which both are drawn again.

use super::{Shown, tree};
use crate::{
    proposed::{OPTIONS, quoted},
    ui::screen::Screen,
};

/// On fewer rows the tree alone is shown: it names the command that answers.
const ROWS_MIN: usize = 8;

/// The tree, and below it lines such as a question with its commands. The tree has at least a part of the rows. Where the lines do
/// not fit, the middle of them is left out: the last ones are the commands.
pub fn tree_with_lines(shown: &Shown, lines: &[String], screen: &Screen) -> Vec<String> {
    let lines: &[String] = if screen.rows < ROWS_MIN { &[] } else { lines };
    let rows_of_tree = screen.rows.saturating_sub(lines.len()).max(screen.rows.div_ceil(3));
    let tree = tree(shown, &Screen { rows: rows_of_tree, ..*screen });
    let mut drawn: Vec<String> = tree.iter().map(|line| screen.paint(line)).collect();
    let left = screen.rows.saturating_sub(drawn.len());
    drawn.extend(shortened(lines, left, &shown.view.id).iter().map(|line| screen.cut(line)));
    drawn
}

/// At most so many of the lines: the first, the last, and the number of the others between them.
fn shortened(lines: &[String], most: usize, id: &str) -> Vec<String> {
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
}

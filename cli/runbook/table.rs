//! Reads tables whose rows are steps, such as `Step | Command | Expected`.

use super::{
    code,
    step::{RunbookStep, add_line},
};

/// The content of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    /// The step's number.
    Number,
    /// The actions.
    Action,
    /// The commands to type.
    Command,
    /// Anything else: shown with the column's name.
    Other,
}

/// The steps of a table with its head as first row; `None` if its rows are no steps.
pub(super) fn steps(rows: &[Vec<String>]) -> Option<Vec<RunbookStep>> {
    let (head, rows) = rows.split_first()?;
    let columns: Vec<Column> = head.iter().map(|name| column(name)).collect();
    let is_of_steps =
        columns.first().is_some_and(|first| *first != Column::Other) || columns.contains(&Column::Command);
    let steps: Vec<RunbookStep> =
        rows.iter().map(|row| step(head, &columns, row)).filter(|step| !step.is_empty()).collect();
    (is_of_steps && !steps.is_empty()).then_some(steps)
}

fn column(name: &str) -> Column {
    match name.trim().trim_matches('`').to_lowercase().as_str() {
        "#" | "no" | "no." | "nr" | "nr." | "number" => Column::Number,
        "step" | "steps" | "action" | "actions" | "task" | "what" | "what to do" | "do" | "instruction"
        | "instructions" | "activity" | "procedure" => Column::Action,
        "command" | "commands" | "run" | "command to run" | "cli" => Column::Command,
        _ => Column::Other,
    }
}

fn step(head: &[String], columns: &[Column], row: &[String]) -> RunbookStep {
    let mut step = RunbookStep::default();
    let mut others: Vec<(&str, &str)> = Vec::new();
    let mut number = None;
    for ((name, column), cell) in head.iter().zip(columns).zip(row) {
        let is_empty = ["", "-", "–", "—", "n/a", "none"].contains(&cell.to_lowercase().as_str());
        // A number in a column of actions is the number of the step.
        let is_number = cell.chars().all(|c| c.is_ascii_digit() || ".)".contains(c));
        if matches!(column, Column::Number | Column::Action) && is_number && !is_empty {
            number = Some(cell.trim_end_matches(['.', ')']).to_owned());
        }
        match column {
            Column::Number => {}
            Column::Action if !is_empty && !is_number => add_line(&mut step.text, cell),
            Column::Command if !is_empty => match commands(cell) {
                Some(commands) => step.commands.extend(commands),
                None => others.push((name.as_str(), cell.as_str())),
            },
            Column::Other if !is_empty => others.push((name.as_str(), cell.as_str())),
            Column::Action | Column::Command | Column::Other => {}
        }
    }
    if step.text.is_empty() && step.commands.is_empty() {
        // The second column says what to do if the first has only numbers.
        if others.is_empty() {
            return step;
        }
        others.remove(0).1.clone_into(&mut step.text);
    }
    if step.text.is_empty() {
        // A description, if the table has one, is a better question than the command.
        let description = others.iter().position(|(name, _)| name.to_lowercase().starts_with("desc"));
        step.text = match description {
            Some(at) => others.remove(at).1.to_owned(),
            None => format!("Run {}", step.commands.first().map_or("", String::as_str)),
        };
    }
    step.number = number.filter(|number| !number.is_empty());
    for (name, cell) in others {
        add_line(&mut step.text, &format!("{name}: {cell}"));
    }
    step
}

/// The commands of a cell that is code as a whole, or reads as one complete command; `None` for a text, which may contain code.
fn commands(cell: &str) -> Option<Vec<String>> {
    const SEPARATORS: [&str; 4] = ["", "then", "and", "and then"];
    if !cell.contains('`') {
        return code::is_complete_command(cell).then(|| vec![cell.to_owned()]);
    }
    let separates = |part: &str| SEPARATORS.contains(&part.trim_matches([' ', ',', ';', '.', '\n']));
    let is_code = cell.split('`').step_by(2).all(separates);
    let spans = cell.split('`').skip(1).step_by(2).map(|code| code.trim().to_owned());
    let spans: Vec<String> = spans.filter(|code| !code.is_empty()).collect();
    (is_code && !spans.is_empty()).then_some(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn the_rows_of_a_table_of_steps_are_steps() {
        let rows = table(&[
            &["Step", "Command", "Expected"],
            &["Stop it", "`systemctl stop w`", "inactive"],
            &["Tell the team", "-", ""],
        ]);
        let read: Vec<_> = steps(&rows).into_iter().flatten().map(|step| (step.text, step.commands)).collect();
        let expected = [
            ("Stop it\nExpected: inactive".to_owned(), vec!["systemctl stop w".to_owned()]),
            ("Tell the team".to_owned(), vec![]),
        ];
        assert_eq!(read, expected);
        let numbered = table(&[&["#", "Description", "Owner"], &["1", "Drain it", "ann"]]);
        let read: Vec<_> = steps(&numbered).into_iter().flatten().map(|step| step.text).collect();
        assert_eq!(read, ["Drain it\nOwner: ann"]);
        let bare = table(&[&["Step", "Command"], &["1", "`a`, then `b`"]]);
        let read: Vec<_> = steps(&bare).into_iter().flatten().map(|step| (step.text, step.commands.len())).collect();
        assert_eq!(read, [("Run a".to_owned(), 2)]);
    }

    #[test]
    fn a_cell_with_prose_is_text_also_if_it_contains_code() {
        let rows = table(&[
            &["Step", "Command"],
            &["Ask the second one", "same as above | with `-h pg-3`"],
            &["Stop it", "systemctl stop w"],
            &["Ask the owner", "see the page of the owner"],
        ]);
        let read: Vec<_> = steps(&rows).into_iter().flatten().map(|step| (step.text, step.commands)).collect();
        let expected = [
            ("Ask the second one\nCommand: same as above | with `-h pg-3`".to_owned(), vec![]),
            ("Stop it".to_owned(), vec!["systemctl stop w".to_owned()]),
            ("Ask the owner\nCommand: see the page of the owner".to_owned(), vec![]),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn other_tables_have_no_steps() {
        for head in [["Who", "Phone"], ["Severity", "Meaning"]] {
            assert_eq!(steps(&table(&[&head, &["a", "b"]])), None);
        }
        assert_eq!(steps(&[]), None);
    }
}

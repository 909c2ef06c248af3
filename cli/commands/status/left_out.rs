//! The executions that a list leaves out, and the command that shows them.

use api::flow::LeftOut;
use serde_json::json;

use crate::{
    global::Output,
    proposed::OPTIONS,
    ui::{
        json,
        text::{counted, one_or},
    },
};

/// The executions that a list leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incomplete {
    /// Earlier executions of a home, which were not counted.
    Earlier,
    /// Executions at Step Functions that a list of the latest does not have.
    NotLatest(LeftOut),
    /// Executions at Step Functions that a list of all, with this number of executions, does not have.
    NotListed(LeftOut, usize),
}

impl Incomplete {
    /// The executions that a list leaves out which has `listed` of the `found` executions of a response; `None` if it is complete.
    pub fn of(found: usize, listed: usize, left_out: Option<LeftOut>, is_limited: bool) -> Option<Self> {
        let cut_off = found - listed;
        match left_out {
            Some(left_out) if is_limited => {
                Some(Incomplete::NotLatest(LeftOut { executions: left_out.executions + cut_off, ..left_out }))
            }
            Some(left_out) => Some(Incomplete::NotListed(left_out, listed)),
            None => (cut_off > 0).then_some(Incomplete::Earlier),
        }
    }

    /// Shows what is missing, after the list.
    pub fn show(self, output: Output) {
        let (message, command) = self.message_and_command();
        match output {
            Output::Human => say!("{message}:   {command}"),
            Output::Json => {
                json::print(json!({ "type": "truncated", "message": format!("{message}: {command}"), "more": true }))
            }
        }
    }

    fn message_and_command(self) -> (String, String) {
        match self {
            Incomplete::Earlier => ("Earlier ones".to_owned(), format!("flow status --all{OPTIONS}")),
            Incomplete::NotLatest(left_out) => (not_latest(&left_out), format!("flow status --all{OPTIONS}")),
            Incomplete::NotListed(left_out, listed) => {
                let message = match left_out.of_machines {
                    Some(machines) => format!("The executions of {machines} state machines are listed, and more exist"),
                    None => {
                        format!("More than {listed} executions exist, and the latest of each state machine are listed")
                    }
                };
                (format!("{message}. One of the others"), format!("flow status MACHINE:NAME{OPTIONS}"))
            }
        }
    }
}

fn not_latest(left_out: &LeftOut) -> String {
    let LeftOut { executions, more, of_machines } = *left_out;
    if let Some(machines) = of_machines {
        return format!("These are the latest of {}, and more exist. All", counted(machines, "state machine"));
    }
    let at_least = if more { "More than " } else { "" };
    format!("{at_least}{executions} earlier {}", one_or(executions, "one", "ones"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_how_many_are_missing_and_which_command_shows_them() {
        let left_out = |executions, more, of_machines| Some(LeftOut { executions, more, of_machines });
        let all = "flow status --all";
        for (found, listed, left_out, is_limited, expected) in [
            (101, 100, left_out(1415, false, None), true, format!("1416 earlier ones:   {all}")),
            (101, 100, left_out(0, false, None), true, format!("1 earlier one:   {all}")),
            (101, 100, left_out(899, true, None), true, format!("More than 900 earlier ones:   {all}")),
            (
                101,
                100,
                left_out(899, true, Some(100)),
                true,
                format!("These are the latest of 100 state machines, and more exist. All:   {all}"),
            ),
            (101, 100, None, true, format!("Earlier ones:   {all}")),
            (
                100_500,
                100_500,
                left_out(0, true, None),
                false,
                "More than 100500 executions exist, and the latest of each state machine are listed. One of the others:   \
                 flow status MACHINE:NAME"
                    .to_owned(),
            ),
        ] {
            let incomplete = Incomplete::of(found, listed, left_out, is_limited).map(Incomplete::message_and_command);
            let shown = incomplete.map(|(message, command)| format!("{message}:   {command}"));
            assert_eq!(shown, Some(expected));
        }
        assert_eq!(Incomplete::of(100, 100, None, true), None);
        assert_eq!(Incomplete::of(1516, 1516, None, false), None);
    }
}

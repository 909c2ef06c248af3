//! The name or the ARN by which a command names a state machine, also with a version or an alias.

use api::{NAME_CHARACTERS_MAX, flow::state_machine_name};

use crate::exit::CliError;

/// The text between the account and the name in the ARN of a state machine.
const OF_STATE_MACHINE: &str = ":stateMachine:";

/// A state machine that a command names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineReference {
    /// Its name.
    pub name: String,
    /// Its ARN without a version or an alias, if the command names the ARN.
    pub arn: Option<String>,
    /// The number of the version, or the alias.
    pub qualifier: Option<String>,
}

impl MachineReference {
    /// The state machine that is named after a workflow.
    pub fn of_workflow(workflow: &str) -> Self {
        MachineReference { name: state_machine_name(workflow), arn: None, qualifier: None }
    }

    /// Reads `NAME`, `NAME:VERSION`, `NAME:ALIAS`, or the ARN of a state machine, a version or an alias.
    pub fn read(text: &str) -> Self {
        let at = text.find(OF_STATE_MACHINE).filter(|_| is_arn(text)).map(|at| at + OF_STATE_MACHINE.len());
        let (before, rest) = text.split_at(at.unwrap_or_default());
        let (name, qualifier) = rest.split_once(':').unwrap_or((rest, ""));
        MachineReference {
            name: state_machine_name(name),
            arn: at.is_some().then(|| format!("{before}{name}")),
            qualifier: Some(qualifier.to_owned()).filter(|qualifier| !qualifier.is_empty()),
        }
    }

    /// Refuses a text after the name that is neither a version nor an alias, such as one with a colon.
    ///
    /// # Errors
    /// It is neither of them.
    pub fn check(&self) -> Result<(), CliError> {
        // The ARN of something else names no state machine.
        let is_other = self.arn.is_none() && self.name == "arn";
        let is_of_alias = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        match &self.qualifier {
            Some(wrong) if !is_other && (!wrong.chars().all(is_of_alias) || wrong.len() > NAME_CHARACTERS_MAX) => {
                let message = format!("'{wrong}' after the name {} is neither a version nor an alias", self.name);
                Err(CliError::refused(message).hint("give NAME, NAME:ALIAS, NAME:VERSION or an ARN"))
            }
            _ => Ok(()),
        }
    }

    /// Whether it has an ARN, a version or an alias.
    pub fn is_exact(&self) -> bool {
        self.arn.is_some() || self.qualifier.is_some()
    }

    /// Whether it names a version, which is a number. A name of letters is an alias.
    pub fn has_version(&self) -> bool {
        self.qualifier.as_ref().is_some_and(|qualifier| qualifier.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// Whether it may name the state machine with this ARN: always if it has none itself.
    pub fn may_be(&self, machine: &str) -> bool {
        self.arn.as_ref().is_none_or(|arn| arn == machine)
    }
}

/// Whether a text is an ARN, and so no path of a file.
pub fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_machine_is_named_by_its_name_or_its_arn_also_with_a_version_or_an_alias() {
        let arn = "arn:aws:states:us-east-1:111111111111:stateMachine:two";
        let read = |text: &str| {
            let MachineReference { name, arn, qualifier } = MachineReference::read(text);
            (name, arn, qualifier.unwrap_or_default())
        };
        for (text, of_arn, qualifier) in [
            ("two".to_owned(), false, ""),
            ("two:deployed".to_owned(), false, "deployed"),
            ("two:3".to_owned(), false, "3"),
            (arn.to_owned(), true, ""),
            (format!("{arn}:deployed"), true, "deployed"),
            (format!("{arn}:3"), true, "3"),
        ] {
            let expected = ("two".to_owned(), of_arn.then(|| arn.to_owned()), qualifier.to_owned());
            assert_eq!(read(&text), expected, "{text}");
            let reference = MachineReference::read(&text);
            assert_eq!(reference.is_exact(), text != "two", "{text}");
            assert_eq!(reference.has_version(), qualifier == "3", "{text}");
            assert!(reference.may_be(arn), "{text}");
            assert_eq!(reference.may_be(&arn.replace("us-east-1", "eu-west-1")), !of_arn, "{text}");
        }
        for (text, is_right) in [
            ("two", true),
            ("two:3", true),
            ("two:a_b-c.d", true),
            ("two:deployed:", false),
            ("two:a:b", false),
            ("arn:a:b", true),
        ] {
            assert_eq!(MachineReference::read(text).check().is_ok(), is_right, "{text}");
        }
        assert_eq!(read("a b"), ("a-b".to_owned(), None, String::new()), "as flow deploy names it");
        assert_eq!(MachineReference::of_workflow("a:b").name, "a-b", "the name of a file");
        assert_eq!(read(&arn.replace("stateMachine", "execution")).1, None, "the ARN of something else");
    }
}

//! `flow completions`.

use clap::{Args, ValueEnum};
use clap_complete::env::Shells;

use crate::exit::{CliError, Exit};

/// The variable with the shell's name that makes the program complete a command line instead of running it.
pub const VARIABLE: &str = "FLOW_COMPLETE";

/// Arguments of `flow completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// A shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// bash.
    Bash,
    /// elvish.
    Elvish,
    /// fish.
    Fish,
    /// PowerShell.
    Powershell,
    /// zsh.
    Zsh,
}

impl Shell {
    /// The name by which the completion engine knows it.
    fn name(self) -> &'static str {
        match self {
            Shell::Bash => "bash",
            Shell::Elvish => "elvish",
            Shell::Fish => "fish",
            Shell::Powershell => "powershell",
            Shell::Zsh => "zsh",
        }
    }
}

/// Prints the script that makes a shell complete command lines of flow.
pub fn run(arguments: &CompletionsArguments) -> Result<Exit, CliError> {
    let shells = Shells::builtins();
    let name = arguments.shell.name();
    let shell = shells.completer(name).ok_or_else(|| CliError::refused(format!("{name} cannot be completed")))?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "flow", "flow", "flow", &mut script)?;
    say!("{}", String::from_utf8_lossy(&script).trim());
    Ok(Exit::Success)
}

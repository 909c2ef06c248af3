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
    /// The name of the shell in the completion engine.
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

/// The texts of the generated script for bash between which lines are inserted: before the call of the program, and after it.
const CALL: &str = "    COMPREPLY=( $( \\\n";
const END: &str = "        compopt -o nospace\n    fi\n";

/// bash splits a word at `:` and `@`, which names of steps, ARNs and `@latest` contain. These lines join the words again. bash replaces the
/// text after the last break, with an `@` also the `@` itself (readline's `rl_special_prefixes`).
const JOIN: &str = r#"    local flow_line="${COMP_LINE:0:COMP_POINT}" flow_prefix="" flow_breaks=""
    local flow_word="${flow_line##*[[:space:]]}"
    [[ "$COMP_WORDBREAKS" == *:* ]] && flow_breaks+=":"
    [[ "$COMP_WORDBREAKS" == *@* ]] && flow_breaks+="@"
    if [[ -n "$flow_breaks" && "$flow_line" == *["$flow_breaks"]* ]]; then
        flow_prefix="${flow_word%"${flow_word##*["$flow_breaks"]}"}"
        flow_prefix="${flow_prefix%@}"
        IFS=$' \t' read -ra words <<< "${flow_line%"$flow_word"}"
        words+=("$flow_word")
        _CLAP_COMPLETE_INDEX=$((${#words[@]} - 1))
    fi
"#;
/// These lines remove from the candidates what bash does not replace: the word up to its last break.
const TRIM: &str = r#"    if [[ -n "$flow_prefix" && ${#COMPREPLY[@]} -gt 0 ]]; then
        COMPREPLY=("${COMPREPLY[@]#"$flow_prefix"}")
    fi
"#;

/// Prints the script that makes a shell complete command lines of flow.
pub fn run(arguments: &CompletionsArguments) -> Result<Exit, CliError> {
    let shells = Shells::builtins();
    let name = arguments.shell.name();
    let shell = shells
        .completer(name)
        .ok_or_else(|| CliError::refused(format!("there are no completions for the shell {name}")))?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "flow", "flow", "flow", &mut script)?;
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if arguments.shell == Shell::Bash {
        script = script.replacen(CALL, &format!("{JOIN}{CALL}"), 1).replacen(END, &format!("{END}{TRIM}"), 1);
    }
    say_raw!("{}", script.trim());
    Ok(Exit::Success)
}

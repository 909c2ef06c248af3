//! `flow config`.

use std::ffi::OsString;

use serde_json::{Value, json};

use crate::{
    configuration,
    exit::{CliError, Exit},
    global::{Color, Global, Output, Source},
    home::Home,
    ui::json,
};

/// A setting in use, and where its value is from.
struct Setting {
    name: &'static str,
    value: Option<String>,
    source: Source,
}

/// Prints the settings in use, each with its source: an option, an environment variable, the configuration file, or the default.
pub fn run(global: &Global) -> Result<Exit, CliError> {
    let file = configuration::file();
    let found = file.as_ref().is_some_and(|file| file.exists());
    let path = file.map_or_else(|| "none: HOME is not set".to_owned(), |file| file.display().to_string());
    let settings = settings(global)?;
    match global.output {
        Output::Human => {
            let state = if found { "" } else { " (does not exist)" };
            say!("Configuration file: {path}{state}");
            for Setting { name, value, source } in settings {
                say!("  {name:<22} {:<40} {source}", value.as_deref().unwrap_or("-"));
            }
        }
        Output::Json => {
            let message = if found { "Configuration file" } else { "Configuration file that does not exist" };
            json::print(
                json!({ "type": "configuration", "file": path, "exists": found, "message": format!("{message}: {path}") }),
            );
            for Setting { name, value, source } in settings {
                let message = format!("{name}: {} ({source})", value.as_deref().unwrap_or("not set"));
                let value = value.map_or(Value::Null, Value::from);
                let source = source.to_string();
                json::print(
                    json!({ "type": "setting", "name": name, "value": value, "source": source, "message": message }),
                );
            }
        }
    }
    Ok(Exit::Success)
}

fn settings(global: &Global) -> Result<Vec<Setting>, CliError> {
    let home = Home::real(global)?.folder().display().to_string();
    let setting = |name, value, source| Setting { name, value, source };
    let (color, color_source) =
        color(global.color(), global.sources.color, |name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let mut settings = vec![
        setting("home", Some(home), global.sources.home),
        setting("progress", Some(global.progress().display.name()), global.sources.progress),
        setting("color", Some(color.to_owned()), color_source),
        setting("profile", global.profile.clone(), global.sources.profile),
        setting("region", global.region.clone(), global.sources.region),
    ];
    settings.extend(VARIABLES.map(|(name, is_secret)| variable(name, is_secret, std::env::var_os(name))));
    Ok(settings)
}

/// The environment variables that decide what executions may do and who may call a server, and whether the value is a secret.
const VARIABLES: [(&str, bool); 10] = [
    ("FLOW_PROGRAMS", false),
    ("FLOW_PROGRAM_VARIABLES", false),
    ("FLOW_FILES", false),
    ("FLOW_SSH_HOSTS", false),
    ("FLOW_CONNECTIONS", false),
    ("FLOW_TOKEN", true),
    ("FLOW_ACCESS_KEY_ID", false),
    ("FLOW_SECRET_ACCESS_KEY", true),
    ("FLOW_ACCOUNT_ID", false),
    ("FLOW_LOG", false),
];

/// The setting of a variable, which counts as unset if it is empty. A secret is not shown.
fn variable(name: &'static str, is_secret: bool, value: Option<OsString>) -> Setting {
    let value = value.filter(|value| !value.is_empty());
    let source = if value.is_some() { Source::Variable(name) } else { Source::Default };
    let shown = |value: OsString| if is_secret { SECRET.to_owned() } else { value.to_string_lossy().into_owned() };
    Setting { name, value: value.map(shown), source }
}

/// The text that is shown in place of a secret.
const SECRET: &str = "(set; not shown)";

/// The colours in use, and the setting that decides about them: for `auto` the environment decides.
fn color(chosen: Color, source: Source, variable: impl Fn(&str) -> Option<String>) -> (&'static str, Source) {
    let decided = Some(chosen).filter(|chosen| *chosen == Color::Auto).and_then(|_| Color::decided(variable));
    let (chosen, source) = decided.map_or((chosen, source), |(color, name)| (color, Source::Variable(name)));
    let name = match chosen {
        Color::Auto => "auto",
        Color::Always => "always",
        Color::Never => "never",
    };
    (name, source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_and_an_empty_variable_is_unset() {
        let token = variable("FLOW_TOKEN", true, Some("hunter2".into()));
        assert_eq!((token.value.as_deref(), token.source), (Some(SECRET), Source::Variable("FLOW_TOKEN")));
        let programs = variable("FLOW_PROGRAMS", false, Some("/bin/sh".into()));
        assert_eq!(programs.value.as_deref(), Some("/bin/sh"));
        let empty = variable("FLOW_FILES", false, Some(OsString::new()));
        assert_eq!((empty.value, empty.source), (None, Source::Default));
    }

    #[test]
    fn a_variable_decides_of_auto_and_of_nothing_else() {
        let with = |set: &'static [&str]| move |name: &str| set.contains(&name).then(|| "1".to_owned());
        let no_color = Source::Variable("NO_COLOR");
        assert_eq!(color(Color::Auto, Source::Default, with(&[])), ("auto", Source::Default));
        assert_eq!(color(Color::Auto, Source::File, with(&["NO_COLOR", "CLICOLOR_FORCE"])), ("never", no_color));
        let forced = ("always", Source::Variable("CLICOLOR_FORCE"));
        assert_eq!(color(Color::Auto, Source::Default, with(&["CLICOLOR_FORCE"])), forced);
        assert_eq!(color(Color::Always, Source::Option, with(&["NO_COLOR"])), ("always", Source::Option));
    }
}

//! The configuration file, `$XDG_CONFIG_HOME/flow/config.toml`: a user's defaults of options.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    exit::CliError,
    global::{self, Color, Defaults, ProgressDisplay},
};

/// The largest configuration file, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Why an account or region is no default of a user: see [`parse`].
const AWS_HINT: &str = "set AWS_PROFILE and AWS_REGION, or the region in AWS's own configuration file: an execution pins its account, \
                        profile and region when it starts";

/// The path of the configuration file: `$XDG_CONFIG_HOME/flow/config.toml`, else `~/.config/flow/config.toml`; `None` without a home of
/// the user.
pub fn file() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folder = named("XDG_CONFIG_HOME").or_else(|| named("HOME").map(|home| home.join(".config")))?;
    Some(folder.join("flow/config.toml"))
}

/// Reads the user's configuration file. Without one, nothing is set.
///
/// # Errors
/// The file cannot be read, or it is wrong.
pub fn load() -> Result<Defaults, CliError> {
    let Some(path) = file() else { return Ok(Defaults::default()) };
    let refused = |problem: String| CliError::refused(format!("the configuration file {} {problem}", path.display()));
    let read = std::fs::File::open(&path).and_then(|file| workflows::read_text_up_to(FILE_BYTES_MAX, file));
    let text = match read {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Defaults::default()),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            return Err(refused(format!("has more than {} KiB", FILE_BYTES_MAX >> 10)));
        }
        Err(error) => return Err(refused(format!("cannot be read: {error}"))),
    };
    parse(&text).map_err(|error| CliError { message: refused(error.message).message, ..error })
}

/// Parses a configuration file. Every key is known; a profile and a region are refused, because a user's default would act in an
/// account that the execution does not name.
///
/// # Errors
/// The text is no TOML, or a key or value is wrong. The message continues a sentence about the file.
fn parse(text: &str) -> Result<Defaults, CliError> {
    let table = text.parse::<toml::Table>();
    let table = table.map_err(|error| CliError::refused(format!("is not TOML: {}", error.to_string().trim_end())))?;
    let mut defaults = Defaults::default();
    for (key, value) in &table {
        let wrong = |expected: &str| CliError::refused(format!("sets {key} = {value}; {expected}"));
        let written = value.as_str();
        match key.as_str() {
            "home" => {
                let folder = written.map(Path::new).filter(|folder| folder.is_absolute());
                let folder = folder.ok_or_else(|| wrong("home is the absolute path of a folder"))?;
                defaults.home = Some(folder.to_owned());
            }
            "progress" => {
                let progress = written.and_then(|text| global::progress(text).ok()).filter(|read| read.junit.is_none());
                let expected = || wrong(&allowed_values::<ProgressDisplay>("progress"));
                defaults.progress = Some(progress.ok_or_else(expected)?);
            }
            "color" => {
                let color = written.and_then(|text| clap::ValueEnum::from_str(text, false).ok());
                let expected = || wrong(&allowed_values::<Color>("color"));
                defaults.color = Some(color.ok_or_else(expected)?);
            }
            "profile" | "region" => {
                return Err(CliError::refused(format!("sets {key}, which is not read from it")).hint(AWS_HINT));
            }
            _ => return Err(wrong("the keys are home, progress and color")),
        }
    }
    Ok(defaults)
}

/// The values that a key may have, such as `color is "auto", "always" or "never"`.
fn allowed_values<T: clap::ValueEnum>(key: &str) -> String {
    let names: Vec<String> = global::value_names::<T>().into_iter().map(|name| format!("\"{name}\"")).collect();
    match names.split_last() {
        Some((last, [])) => format!("{key} is {last}"),
        Some((last, first)) => format!("{key} is {} or {last}", first.join(", ")),
        None => format!("{key} has no values"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::PathBuf;

    use super::parse;
    use crate::global::{Color, Defaults, ProgressDisplay, ProgressOption};

    #[test]
    fn every_key_is_read() {
        let read = parse("home = '/srv/flow' # shared\nprogress = 'lines'\ncolor = 'never'\n").unwrap();
        let progress = Some(ProgressOption { display: ProgressDisplay::Lines, junit: None });
        let home = Some(PathBuf::from("/srv/flow"));
        assert_eq!(read, Defaults { home, progress, color: Some(Color::Never) });
        assert_eq!(parse("").unwrap(), Defaults::default());
    }

    #[test]
    fn a_wrong_key_or_value_is_refused_with_what_is_expected() {
        for (text, expected) in [
            ("home = 'relative'", "absolute path"),
            ("home = 3", "absolute path"),
            ("progress = 'bars'", "progress is \"auto\", \"tree\", \"lines\" or \"none\""),
            ("progress = 'junit=report.xml'", "\"lines\""),
            ("color = 'blue'", "\"never\""),
            ("colour = 'never'", "the keys are"),
            ("profile = 'prod'", "not read from it"),
            ("region = 'eu-central-1'", "not read from it"),
            ("color = ", "is not TOML"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message.contains(expected), "{text}: {}", error.message);
        }
    }
}

//! The options of every command.

use std::{fmt, path::PathBuf};

use clap::{Args, ValueEnum};

/// The heading, in help texts, of the options that choose where a command acts.
pub const WHERE: &str = "Where it acts";
/// The heading of the options of what is printed.
pub const OUTPUT: &str = "Output";
/// The heading of the options of rehearsals.
pub const REHEARSAL: &str = "Rehearsal";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Output format: for people, or one JSON object per line.
    #[arg(short, long, global = true, value_enum, default_value = "human", help_heading = OUTPUT)]
    pub output: Output,
    /// Of a command that watches; see [`WatchOptions`].
    #[arg(skip)]
    progress: Option<ProgressOption>,
    /// Of a command that watches; see [`WatchOptions`].
    #[arg(skip)]
    pub events_file: Option<PathBuf>,
    /// Colours; auto, the default, shows them on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_enum, value_name = "WHEN", help_heading = OUTPUT)]
    color: Option<Color>,
    /// The folder that stores executions; default FLOW_HOME, then the configuration file's `home`, then
    /// $XDG_STATE_HOME/flow, then ~/.local/state/flow.
    #[arg(long, global = true, value_name = "FOLDER", help_heading = WHERE)]
    pub home: Option<PathBuf>,
    /// The AWS profile; default AWS_PROFILE.
    #[arg(long, global = true, value_name = "NAME", help_heading = WHERE)]
    pub profile: Option<String>,
    /// The AWS region; default AWS_REGION, then AWS_DEFAULT_REGION, then the profile's.
    #[arg(long, global = true, value_name = "REGION", help_heading = WHERE)]
    pub region: Option<String>,
    /// The sources of the values.
    #[arg(skip)]
    pub sources: Sources,
    /// Log more on standard error.
    #[arg(short, long, global = true, conflicts_with = "quiet", help_heading = OUTPUT)]
    pub verbose: bool,
    /// Print only changes, failures and what needs a person; for cron.
    #[arg(short, long, global = true, help_heading = OUTPUT)]
    pub quiet: bool,
}

/// Options of the commands that watch executions.
#[derive(Debug, Clone, Args)]
pub struct WatchOptions {
    /// Progress display: auto (a tree on a terminal, lines elsewhere; the default), tree, lines or none; for CI also
    /// junit=FILE, a JUnit report beside the display, as in lines,junit=FILE or junit=FILE,lines.
    #[arg(long, value_name = "DISPLAY", value_parser = progress, help_heading = OUTPUT)]
    progress: Option<ProgressOption>,
    /// Also add what is watched as JSON lines to the end of this file, beside the display; - is standard output.
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    events_file: Option<PathBuf>,
}

impl Global {
    /// Takes the options of a command that watches.
    pub fn with_watch(mut self, options: Option<&WatchOptions>) -> Self {
        if let Some(WatchOptions { progress, events_file }) = options {
            (self.progress, self.events_file) = (progress.clone(), events_file.clone());
        }
        self
    }

    /// Fills options that are not given from environment variables, then from the configuration file. The parser does not read the
    /// variables, because it would report an option from the environment as if it had been given.
    pub fn with_defaults(mut self, defaults: Defaults) -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let text =
            |name: &'static str| (variable(name).and_then(|value| value.into_string().ok()), Source::Variable(name));
        let Sources { home, progress, color, profile, region } = &mut self.sources;
        let home_variable = (variable("FLOW_HOME").map(PathBuf::from), Source::Variable("FLOW_HOME"));
        self.home = first(self.home, [home_variable, (defaults.home, Source::File)], home);
        self.progress = first(self.progress, [(defaults.progress, Source::File)], progress);
        self.color = first(self.color, [(defaults.color, Source::File)], color);
        self.profile =
            first(self.profile, [(crate::aws_variables::profile(), Source::Variable("AWS_PROFILE"))], profile);
        self.region = first(self.region, [text("AWS_REGION"), text("AWS_DEFAULT_REGION")], region);
        self
    }

    /// The progress display, and the report beside it.
    pub fn progress(&self) -> ProgressOption {
        self.progress.clone().unwrap_or(ProgressOption { display: ProgressDisplay::Auto, junit: None })
    }

    /// The option that names a file for a record of the watch, if one is given.
    pub fn recording_option(&self) -> Option<&'static str> {
        let events = self.events_file.as_ref().map(|_| "--events-file");
        let report = self.progress.as_ref().and_then(|progress| progress.junit.as_ref());
        events.or(report.map(|_| "--progress junit="))
    }

    /// When to show colours.
    pub fn color(&self) -> Color {
        self.color.unwrap_or(Color::Auto)
    }
}

/// The first value of an option and its defaults, in this order; sets its source.
fn first<T, const N: usize>(given: Option<T>, defaults: [(Option<T>, Source); N], source: &mut Source) -> Option<T> {
    let mut all = [(given, Source::Option)].into_iter().chain(defaults);
    let (value, from) = all.find_map(|(value, from)| Some((value?, from)))?;
    *source = from;
    Some(value)
}

/// A user's defaults of options: what the configuration file sets.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// `home`: the folder that stores executions, absolute.
    pub home: Option<PathBuf>,
    /// `progress`: the display, as for `--progress`.
    pub progress: Option<ProgressOption>,
    /// `color`: as for `--color`.
    pub color: Option<Color>,
}

/// The sources of the values of options.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sources {
    /// Of the home.
    pub home: Source,
    /// Of the progress display.
    pub progress: Source,
    /// Of the colours.
    pub color: Source,
    /// Of the AWS profile.
    pub profile: Source,
    /// Of the AWS region.
    pub region: Source,
}

/// The source of the value of an option.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// An option of the command line.
    Option,
    /// An environment variable.
    Variable(&'static str),
    /// The configuration file.
    File,
    /// Not set anywhere.
    #[default]
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Option => formatter.write_str("option"),
            Source::Variable(name) => write!(formatter, "environment variable {name}"),
            Source::File => formatter.write_str("configuration file"),
            Source::Default => formatter.write_str("default"),
        }
    }
}

/// Output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Human,
    /// One JSON object per line.
    Json,
}

/// When to show colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Also in a pipe.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// The decision of the environment for `auto`, and the variable that decides it: never with NO_COLOR (<https://no-color.org>), else
    /// always with CLICOLOR_FORCE; otherwise `None`. `variable` returns only values that are not empty.
    pub fn decided(variable: impl Fn(&str) -> Option<String>) -> Option<(Self, &'static str)> {
        const NEVER: &str = "NO_COLOR";
        const ALWAYS: &str = "CLICOLOR_FORCE";
        if variable(NEVER).is_some() {
            return Some((Color::Never, NEVER));
        }
        variable(ALWAYS).filter(|value| value != "0").map(|_| (Color::Always, ALWAYS))
    }
}

/// The progress display, and the JUnit report beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressOption {
    /// The display.
    pub display: ProgressDisplay,
    /// The file of the JUnit report.
    pub junit: Option<PathBuf>,
}

/// The beginning of the value of `--progress` that names the file of a JUnit report.
pub const JUNIT: &str = "junit=";

/// The display of a running execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressDisplay {
    /// A tree on a terminal, lines elsewhere.
    Auto,
    /// A tree that is redrawn.
    Tree,
    /// A line per change.
    Lines,
    /// Only the end.
    None,
}

impl ProgressDisplay {
    /// The name in `--progress` and in the configuration file.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    fn named(name: &str) -> Option<Self> {
        <Self as ValueEnum>::from_str(name, false).ok()
    }
}

/// The names of an option's values, in their order.
pub fn value_names<T: ValueEnum>() -> Vec<String> {
    let values = T::value_variants().iter().filter_map(T::to_possible_value);
    values.map(|value| value.get_name().to_owned()).collect()
}

/// Parses a progress display: the name of a display, `junit=FILE`, or a display and a report in either order with a comma. Only a
/// file that is named last may have a comma in its name.
///
/// # Errors
/// The text names no display, or it is not clear which part of it is the file's name.
pub fn progress(text: &str) -> Result<ProgressOption, String> {
    let forms = || {
        let displays = value_names::<ProgressDisplay>().join(", ");
        format!("it is {displays}, junit=FILE, or both as in lines,junit=FILE")
    };
    let (display, file) = match text.strip_prefix(JUNIT) {
        Some(report) => match report.split_once(',') {
            Some((file, display)) => {
                let display = ProgressDisplay::named(display).ok_or_else(|| {
                    format!("'{display}' is no display; if it belongs to the file's name, write auto,{text}")
                })?;
                (display, Some(file))
            }
            None => (ProgressDisplay::Auto, Some(report)),
        },
        None => {
            let (display, report) = text.split_once(',').map_or((text, None), |(first, rest)| (first, Some(rest)));
            let display = ProgressDisplay::named(display).ok_or_else(forms)?;
            (display, report.map(|report| report.strip_prefix(JUNIT).ok_or_else(forms)).transpose()?)
        }
    };
    if file == Some("") {
        return Err("the report has no file: write junit=FILE".to_owned());
    }
    let last = file.and_then(|file| file.rsplit_once(',')).map(|(_, last)| last);
    if last.is_some_and(|last| ProgressDisplay::named(last).is_some() || last.starts_with(JUNIT)) {
        let file = file.unwrap_or_default();
        return Err(format!("give one display and one report: '{file}' seems to name more than a file"));
    }
    Ok(ProgressOption { display, junit: file.map(PathBuf::from) })
}

/// Parses a duration: `10s`, `5m`, `1h30m`, or whole seconds.
///
/// # Errors
/// The text is not a duration, or it is negative.
pub fn duration(text: &str) -> Result<std::time::Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(std::time::Duration::from_secs(seconds));
    }
    let parsed = text.parse::<jiff::SignedDuration>().map_err(|error| error.to_string())?;
    parsed.try_into().map_err(|_| "a duration is not negative".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Args;

    use super::{ProgressDisplay, WatchOptions, duration, progress, value_names};

    #[test]
    fn the_help_of_progress_names_every_display() {
        let command = WatchOptions::augment_args(clap::Command::new("flow"));
        let option = command.get_arguments().find(|option| option.get_id() == "progress");
        let help = option.and_then(|option| option.get_help()).map(ToString::to_string).unwrap_or_default();
        let words: Vec<&str> = help.split(|letter: char| !letter.is_alphanumeric()).collect();
        for name in value_names::<ProgressDisplay>() {
            assert!(words.contains(&name.as_str()), "{name}: {help}");
            assert_eq!(ProgressDisplay::named(&name).map(ProgressDisplay::name), Some(name));
        }
    }

    #[test]
    fn a_report_goes_with_every_display() {
        let read =
            |text: &str| progress(text).map(|read| (read.display, read.junit.map(|file| file.display().to_string())));
        assert_eq!(read("tree"), Ok((ProgressDisplay::Tree, None)));
        assert_eq!(read("junit=r.xml"), Ok((ProgressDisplay::Auto, Some("r.xml".to_owned()))));
        for either in ["none,junit=r.xml", "junit=r.xml,none"] {
            assert_eq!(read(either), Ok((ProgressDisplay::None, Some("r.xml".to_owned()))), "{either}");
        }
        assert_eq!(read("auto,junit=a,b.xml"), Ok((ProgressDisplay::Auto, Some("a,b.xml".to_owned()))));
        for wrong in ["", "bars", "junit=", "lines,", "lines,xml=r", "junit=,none", "lines,none"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        // A file of that name may be meant, or a display.
        for unclear in ["junit=a,b.xml", "junit=r.xml,lnes", "lines,junit=r.xml,none", "lines,junit=a,junit=b"] {
            assert!(read(unclear).is_err(), "{unclear}");
        }
        let refused = read("junit=a,b.xml").err().unwrap_or_default();
        assert!(refused.ends_with("if it belongs to the file's name, write auto,junit=a,b.xml"), "{refused}");
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [("0", 0), ("90", 90), ("10s", 10), ("5m", 300), ("1h30m", 5_400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "soon", "-5s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}

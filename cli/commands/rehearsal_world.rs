//! `flow rehearsal-world`, which help texts hide: the process of a rehearsal's world.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use rehearsal::WorldOptions;

use crate::{
    exit::{CliError, Exit},
    home::Home,
};

/// A world that receives no request for this long ends; docs/tutorial.md and the message at its start name the time.
const IDLE_EXIT: Duration = Duration::from_secs(30 * 60);

/// Arguments of `flow rehearsal-world`.
#[derive(Debug, Args)]
pub struct RehearsalWorldArguments {
    /// The factor by which time runs faster.
    #[arg(long)]
    speed: f64,
    /// The home of rehearsals.
    #[arg(long = "home", value_name = "FOLDER")]
    home: PathBuf,
}

/// Serves the world until it is stopped.
pub async fn run(arguments: RehearsalWorldArguments) -> Result<Exit, CliError> {
    let options = WorldOptions {
        cache_directory: Home::cache(),
        state_directory: arguments.home,
        speed: arguments.speed,
        domain: "example.com".to_owned(),
        idle_exit: IDLE_EXIT,
        python: std::env::var("FLOW_PYTHON").unwrap_or_else(|_| "python3".to_owned()),
    };
    rehearsal::serve_world(options, &|line: &str| say!("{line}"))
        .await
        .map_err(|error| CliError::refused(error.to_string()))?;
    Ok(Exit::Success)
}

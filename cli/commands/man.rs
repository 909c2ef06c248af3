//! `flow man`.

use std::path::PathBuf;

use clap::Args;

use crate::exit::{CliError, Exit};

/// Arguments of `flow man`.
#[derive(Debug, Args)]
pub struct ManArguments {
    /// The folder for the pages: flow.1, flow-run.1 and so on. It is created where it does not exist.
    folder: PathBuf,
}

/// Writes a man page for the program and for each of its commands.
pub fn run(arguments: &ManArguments, program: clap::Command) -> Result<Exit, CliError> {
    let folder = &arguments.folder;
    let wrong = |error: std::io::Error| CliError::refused(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(wrong)?;
    clap_mangen::generate_to(program, folder).map_err(wrong)?;
    Ok(Exit::Success)
}

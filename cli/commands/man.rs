//! `flow man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::{
    arguments::Arguments,
    exit::{CliError, Exit},
};

/// Arguments of `flow man`.
#[derive(Debug, Args)]
pub struct ManArguments {
    /// The folder for the pages: flow.1, flow-run.1 and so on. It is created where it does not exist.
    folder: PathBuf,
}

/// Writes a man page for the program and for each command.
pub fn run(arguments: &ManArguments) -> Result<Exit, CliError> {
    let folder = &arguments.folder;
    let wrong = |error: std::io::Error| CliError::refused(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(wrong)?;
    clap_mangen::generate_to(Arguments::command(), folder).map_err(wrong)?;
    Ok(Exit::Success)
}

//! `flow import`.

use std::io::{BufRead, BufReader, Read};

use clap::Args;
use engine::store::{DocumentChanges, EXPORT_VERSION, Line, Store};

use crate::{
    arguments::{Global, Output},
    exit::{CliError, Exit},
    home::Home,
    owner::{exclusive, owned_elsewhere},
    ui::json,
};

/// Arguments of `flow import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// The exported lines: a file, or - for standard input.
    #[arg(default_value = "-")]
    file: String,
}

#[derive(Default)]
struct Taken {
    executions: usize,
    documents: usize,
    known: usize,
}

/// Imports executions. Records that the store already has do not change.
pub fn run(global: &Global, arguments: ImportArguments) -> Result<Exit, CliError> {
    let input: Box<dyn Read> = match arguments.file.as_str() {
        "-" => Box::new(std::io::stdin()),
        file => {
            let file = std::fs::File::open(file).map_err(|error| CliError::refused(format!("{file}: {error}")))?;
            Box::new(file)
        }
    };
    let home = Home::real(global)?;
    let (store, _lock) = exclusive(&home)?.ok_or_else(|| owned_elsewhere(&home))?;
    let mut taken = Taken::default();
    for (line, number) in BufReader::new(input).lines().zip(1..) {
        take(&store, &line?, number, &mut taken)?;
    }
    store.settle().map_err(|error| CliError::refused(error.to_string()))?;
    let Taken { executions, documents, known } = taken;
    match global.output {
        Output::Human if global.quiet => {}
        Output::Human => {
            say!("{executions} executions and {documents} documents taken in, {known} were here already");
            say!("Those that had not ended continue with   flow resume --all");
        }
        Output::Json => {
            let message =
                format!("{executions} executions and {documents} documents imported, {known} existed already");
            json::print(
                serde_json::json!({ "type": "imported", "executions": executions, "documents": documents, "known": known,
                                            "message": message }),
            );
        }
    }
    Ok(Exit::Success)
}

fn take(store: &Store, line: &str, number: usize, taken: &mut Taken) -> Result<(), CliError> {
    let refused =
        |error: String| CliError::refused(format!("line {number}: {error}; the lines before it are taken in"));
    if line.trim().is_empty() {
        return Ok(());
    }
    match serde_json::from_str(line).map_err(|error| refused(error.to_string()))? {
        Line::Export { version } if version > EXPORT_VERSION => {
            Err(refused(format!("these are lines of version {version}, this program reads up to {EXPORT_VERSION}")))
        }
        Line::Export { .. } => Ok(()),
        Line::Execution(execution) => {
            match store.import(*execution).map_err(|error| refused(error.to_string()))? {
                true => taken.executions += 1,
                false => taken.known += 1,
            }
            Ok(())
        }
        Line::Document { name, document } => {
            let failed = |error: engine::store::StoreError| refused(error.to_string());
            if store.document::<serde_json::Value>(&name).map_err(failed)?.is_some() {
                taken.known += 1;
                return Ok(());
            }
            let mut changes = DocumentChanges::default();
            changes.put(&name, &document).map_err(failed)?;
            store.change_documents(changes).map_err(failed)?;
            taken.documents += 1;
            Ok(())
        }
    }
}

//! `flow import`.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Seek},
    os::unix::fs::OpenOptionsExt,
};

use clap::Args;
use engine::{
    machine::ExecutionStatus,
    store::{DocumentChanges, EXPORT_VERSION, ExportLine, FIRST_VERSION_WITH_AN_END, Store, lacks_room},
};

use crate::{
    exit::{CliError, Exit},
    global::{Global, Output},
    home::Home,
    owner::{exclusive, owned_elsewhere},
    proposed::OPTIONS,
    ui::{
        json,
        text::{counted, one_or},
    },
};

const NOTHING_IMPORTED: &str = "nothing is imported. Export again in the home that has the executions,   \
                                flow export > all.jsonl   , and import the complete file";

/// Arguments of `flow import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// The exported lines: a file, or - for standard input.
    #[arg(default_value = "-")]
    file: String,
}

#[derive(Default)]
struct Imported {
    executions: usize,
    /// The number of imported executions that have not ended.
    not_ended: usize,
    documents: usize,
    known: usize,
}

/// The part of an import that one pass over the lines writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Documents first: a crash between the passes leaves no execution without its documents.
    Documents,
    Executions,
}

/// Imports executions into a store that no other process owns. Reasons: a line may be longer than a request to an owner, and no execution
/// may start with an id that is being imported. Records that the store already has are not changed. Every line is read and checked before
/// the first one is imported.
pub async fn run(global: &Global, arguments: ImportArguments) -> Result<Exit, CliError> {
    let home = Home::real(global)?;
    let Some((store, _lock)) = exclusive(&home).await? else { return Err(owned_elsewhere(&home).await) };
    let mut lines = input(&home, &arguments.file)?;
    check(&mut lines)?;
    let mut imported = Imported::default();
    for pass in [Pass::Documents, Pass::Executions] {
        lines.rewind()?;
        for (line, number) in BufReader::new(&lines).lines().zip(1..) {
            write(&store, pass, &line?, number, &mut imported)?;
        }
    }
    store.checkpoint().map_err(|error| {
        CliError::new(Exit::Failed, format!("the index cannot be written: {error}")).hint(format!(
            "every line is imported and durable in the commit log. Make room or repair the disk, then   flow doctor{OPTIONS}"
        ))
    })?;
    report(global, &imported);
    Ok(Exit::Success)
}

fn report(global: &Global, imported: &Imported) {
    let Imported { executions, not_ended, documents, known } = imported;
    let counts = format!("{} and {}", counted(*executions, "execution"), counted(*documents, "document"));
    match global.output {
        Output::Human if global.quiet => {}
        Output::Human => {
            say!("{counts} taken in, {known} {} here already", one_or(*known, "was", "were"));
            if *not_ended > 0 {
                say!("{not_ended} of them had not ended: continue them with   flow resume --all{OPTIONS}");
                say!(
                    "The home that exported them may continue them too, and their steps would run twice: cancel them in that home first."
                );
            }
        }
        Output::Json => {
            let message = format!("{counts} imported, {known} existed already");
            json::print(serde_json::json!({ "type": "imported", "executions": executions, "notEnded": not_ended,
                                    "documents": documents, "known": known, "message": message }));
        }
    }
}

/// The lines as a file that can be read several times. What is no regular file is copied to the home first.
fn input(home: &Home, file: &str) -> Result<File, CliError> {
    let refused = |error: std::io::Error| CliError::refused(format!("{file}: {error}"));
    match file {
        "-" => copied(home, &mut std::io::stdin().lock()),
        file => {
            let mut opened = File::open(file).map_err(refused)?;
            match opened.metadata().map_err(refused)? {
                metadata if metadata.is_file() => Ok(opened),
                metadata if metadata.is_dir() => {
                    Err(CliError::refused(format!("{file} is a folder: name the file of exported lines")))
                }
                _ => copied(home, &mut opened),
            }
        }
    }
}

/// A copy of the input in a file without a name, which ends with this process.
fn copied(home: &Home, input: &mut dyn Read) -> Result<File, CliError> {
    let path = home.folder().join(format!("import-{}.jsonl", std::process::id()));
    let refused = |error: std::io::Error| {
        let exit = if lacks_room(error.kind()) { Exit::Failed } else { Exit::Refused };
        CliError::new(exit, format!("the input cannot be copied to {}: {error}", home.folder().display()))
            .hint("nothing is imported. Make room, or write the lines to a file and give its name")
    };
    // A file of that name is what an earlier process with this id left in a crash. This process holds the home's lock.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(refused(error)),
        _ => {}
    }
    let mut copy =
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path).map_err(refused)?;
    std::fs::remove_file(&path).map_err(refused)?;
    std::io::copy(input, &mut copy).map_err(refused)?;
    copy.rewind().map_err(refused)?;
    Ok(copy)
}

fn of_line(number: usize, problem: impl std::fmt::Display) -> String {
    format!("line {number}: {problem}")
}

/// Reads every line and refuses all of them if one cannot be imported or the end is missing.
fn check(lines: &mut File) -> Result<(), CliError> {
    lines.rewind()?;
    let mut end_expected = false;
    let mut has_version = false;
    let mut count = 0;
    for (line, number) in BufReader::new(&*lines).lines().zip(1..) {
        let refused = |error: String| CliError::refused(of_line(number, error)).hint(NOTHING_IMPORTED);
        let line = line.map_err(|error| refused(error.to_string()))?;
        count = number;
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(&line).map_err(|error| refused(error.to_string()))? {
            ExportLine::Export { version } if version > EXPORT_VERSION => {
                let message = format!(
                    "the lines have the format's version {version}, and this program reads versions up to {EXPORT_VERSION}"
                );
                return Err(refused(message)
                    .hint("nothing is imported. Use the version of flow that exported them, or a later one"));
            }
            ExportLine::Export { .. } if end_expected => return Err(refused(cut_off())),
            ExportLine::Export { version } => {
                has_version = true;
                end_expected = version >= FIRST_VERSION_WITH_AN_END;
            }
            ExportLine::End => end_expected = false,
            ExportLine::Execution(execution) => {
                if let Some(message) = execution.unknown_entry() {
                    return Err(refused(message));
                }
            }
            ExportLine::Document { .. } => {}
        }
    }
    match (has_version, end_expected) {
        (false, _) => {
            let message = "this is no export of flow: its first line, with the format's version, is missing";
            Err(CliError::refused(message).hint(NOTHING_IMPORTED))
        }
        (true, true) => Err(CliError::refused(of_line(count, cut_off())).hint(NOTHING_IMPORTED)),
        (true, false) => Ok(()),
    }
}

fn cut_off() -> String {
    "the export is cut off: its last line is missing".to_owned()
}

fn write(store: &Store, pass: Pass, line: &str, number: usize, imported: &mut Imported) -> Result<(), CliError> {
    let failed = |error: engine::store::StoreError| {
        CliError::new(Exit::Failed, of_line(number, error)).hint(
            "the lines above it are imported. Make room or repair the disk, then import the same file again: \
                   it adds only what is missing",
        )
    };
    if line.trim().is_empty() {
        return Ok(());
    }
    match serde_json::from_str(line).map_err(|error| CliError::refused(of_line(number, error)))? {
        ExportLine::Execution(execution) if pass == Pass::Executions => {
            let has_ended = execution.header.status != ExecutionStatus::Running;
            match store.import(*execution).map_err(failed)? {
                true => {
                    imported.executions += 1;
                    imported.not_ended += usize::from(!has_ended);
                }
                false => imported.known += 1,
            }
        }
        ExportLine::Document { name, document } if pass == Pass::Documents => {
            if store.document::<serde_json::Value>(&name).map_err(failed)?.is_some() {
                imported.known += 1;
                return Ok(());
            }
            let mut changes = DocumentChanges::default();
            changes.put(&name, &document).map_err(failed)?;
            store.change_documents(changes).map_err(failed)?;
            imported.documents += 1;
        }
        ExportLine::Execution(_) | ExportLine::Document { .. } | ExportLine::Export { .. } | ExportLine::End => {}
    }
    Ok(())
}

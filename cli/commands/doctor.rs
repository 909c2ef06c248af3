//! `flow doctor`.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use api::flow::{StoreFindings, VerifyStore, VerifyStoreRequest};
use clap::Args;
use engine::store::{check_free_space, rebuild};

use crate::{
    clock,
    environments::{Environments, Location},
    exit::{CliError, Exit, NO_ROOM, store_failed},
    global::{Global, Output},
    home::Home,
    owner::{Handle, exclusive, open_store, owned_elsewhere, save_hint},
    proposed::OPTIONS,
    ui::{json, text::counted},
};

/// Fewer fdatasync calls per second than this make every step slow.
const FDATASYNCS_SLOW: f64 = 200.0;
/// The time for which the disk is measured.
const PROBE: Duration = Duration::from_millis(300);

/// Arguments of `flow doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// Ask AWS who the credentials belong to.
    #[arg(long)]
    aws: bool,
    /// Rebuild a damaged index of the store from its mirror; the damaged one is kept beside it.
    #[arg(long)]
    repair: bool,
}

/// The result of one check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Note,
    Bad,
}

/// One check: its subject and its finding.
struct Check {
    what: &'static str,
    verdict: Verdict,
    found: String,
}

impl Check {
    fn new(what: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Check { what, verdict, found: found.into() }
    }

    /// The sign for people and the word for programs.
    fn sign_and_word(&self) -> (&'static str, &'static str) {
        match self.verdict {
            Verdict::Good => ("✔", "good"),
            Verdict::Note => ("·", "note"),
            Verdict::Bad => ("✖", "bad"),
        }
    }

    /// The line for people.
    fn line(&self) -> String {
        let (sign, _) = self.sign_and_word();
        format!("{sign} {:<12} {}", self.what, self.found)
    }
}

struct DoctorReport {
    json: bool,
    bad: bool,
}

impl DoctorReport {
    fn add(&mut self, what: &'static str, verdict: Verdict, found: &str) {
        self.show(&Check::new(what, verdict, found));
    }

    fn show(&mut self, check: &Check) {
        self.bad |= check.verdict == Verdict::Bad;
        let Check { what, found, .. } = check;
        let (_, word) = check.sign_and_word();
        match self.json {
            true => json::print(
                serde_json::json!({ "type": "check", "what": what, "verdict": word, "found": found, "message": found }),
            ),
            false => say!("{}", check.line()),
        }
    }
}

/// Checks the store and this machine. The exit code is 1 if something is wrong.
pub async fn run(global: &Global, arguments: DoctorArguments) -> Result<Exit, CliError> {
    let mut report = DoctorReport { json: global.output == Output::Json, bad: false };
    for home in [Home::real(global)?, Home::rehearsals(global)?] {
        if !home.folder().exists() {
            report.add("home", Verdict::Note, &format!("{}: nothing yet", home.folder().display()));
            continue;
        }
        if !permissions(&mut report, &home) {
            continue;
        }
        disk(&mut report, home.folder());
        if arguments.repair {
            repair(&mut report, &home).await?;
        }
        store(&mut report, &home).await?;
    }
    credentials(&mut report, global, arguments.aws).await?;
    Ok(if report.bad { Exit::Failed } else { Exit::Success })
}

/// Write permission of the group and of others.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Checks who may use the home and what is in it. Returns whether other commands use the home.
fn permissions(report: &mut DoctorReport, home: &Home) -> bool {
    if let Err(error) = home.refuse_shared() {
        report.add("home", Verdict::Bad, &error.message);
        return false;
    }
    let shown = home.folder().display();
    match std::fs::metadata(home.folder()).map(|data| data.permissions().mode() & 0o777) {
        Ok(mode) if mode & 0o077 == 0 => report.add("home", Verdict::Good, &format!("{shown}, mode {mode:o}")),
        Ok(mode) => {
            report.add("home", Verdict::Bad, &format!("{shown} is open to others (mode {mode:o}): chmod 700 {shown}"));
        }
        Err(error) => report.add("home", Verdict::Bad, &format!("{shown}: {error}")),
    }
    let store = home.store();
    let writable = writable_by_others(&store);
    if let Some(first) = writable.first() {
        let more = if writable.len() > 1 { format!(" and {} more", writable.len() - 1) } else { String::new() };
        let found = format!("{}{more}: others may write: chmod -R go= '{}'", first.display(), store.display());
        report.add("store", Verdict::Bad, &found);
    }
    true
}

/// The store's folder and the entries in it that the group or others may write. The index creates its snapshots with the mode of the
/// umask; they hold no data of executions.
fn writable_by_others(store: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(store).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_snapshot = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"snap."));
    let is_writable = |path: &PathBuf| {
        if is_snapshot(path) {
            return false;
        }
        let found = path.symlink_metadata().ok().filter(|found| !found.is_symlink());
        found.is_some_and(|found| found.permissions().mode() & WRITABLE_BY_OTHERS != 0)
    };
    [store.to_owned()].into_iter().chain(entries).filter(is_writable).collect()
}

fn disk(report: &mut DoctorReport, home: &Path) {
    let rate = bench::probe_disk(home, PROBE);
    if let Err(error) = check_free_space(home) {
        return report.add("disk", Verdict::Bad, &error.to_string());
    }
    match rate {
        Ok(rate) => report.show(&disk_check(rate)),
        Err(error) => report.add("disk", Verdict::Bad, &format!("{}: {error}", home.display())),
    }
}

/// The check of a disk by its fdatasync calls per second.
fn disk_check(rate: f64) -> Check {
    match rate >= FDATASYNCS_SLOW {
        true => Check::new("disk", Verdict::Good, format!("{rate:.0} fdatasync/s")),
        false => Check::new("disk", Verdict::Note, format!("{rate:.0} fdatasync/s: no step is faster than that")),
    }
}

/// Reads every record, through the owner of the store if it has one.
async fn store(report: &mut DoctorReport, home: &Home) -> Result<(), CliError> {
    if !home.has_store()? {
        report.add("store", Verdict::Note, "none yet");
        return Ok(());
    }
    let handle = match Handle::read(home).await {
        Ok(handle) => handle,
        Err(error) if is_of_store(&error) => {
            add_error(report, &error);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    if let Some(error) = handle.no_room().await {
        add_error(report, &error);
    }
    let findings = handle.only::<VerifyStore>(VerifyStoreRequest {}).await?;
    let owner = handle.owner_elsewhere().await;
    handle.close().await?;
    store_checks(&findings, owner.as_deref()).iter().for_each(|check| report.show(check));
    if !home.rehearsal {
        add_clock(report, home, findings.latest_start_ms);
    }
    Ok(())
}

/// Adds why a store cannot be opened, and what helps.
fn add_error(report: &mut DoctorReport, error: &CliError) {
    report.add("store", Verdict::Bad, &error.message);
    if let Some(hint) = &error.hint {
        report.add("store", Verdict::Note, hint);
    }
}

fn add_clock(report: &mut DoctorReport, home: &Home, latest_start_ms: Option<u64>) {
    match clock::behind(home, latest_start_ms) {
        Some(words) => report.add("clock", Verdict::Bad, &words),
        None => report.add("clock", Verdict::Good, "not earlier than the latest start"),
    }
}

/// Whether an error is a result of the check of a store: it cannot be opened. Any other ends the command.
fn is_of_store(error: &CliError) -> bool {
    error.exit == Exit::Refused || error.fault.as_deref() == Some(NO_ROOM)
}

/// Rebuilds a damaged index from its mirror.
async fn repair(report: &mut DoctorReport, home: &Home) -> Result<(), CliError> {
    if !home.has_store()? {
        return Ok(());
    }
    let (store, lock) = match exclusive(home).await {
        Ok(Some(found)) => found,
        Ok(None) => return Err(owned_elsewhere(home).await),
        // A store that cannot be opened is reported with the other checks.
        Err(error) if is_of_store(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    let damaged = StoreFindings::of(&store).index_is_damaged;
    drop(store);
    if damaged {
        let damaged = rebuild(&home.store()).map_err(|error| store_failed(error.to_string()))?;
        let found = format!("the index was rebuilt from its mirror; the damaged index is in {}", damaged.display());
        report.add("repair", Verdict::Good, &found);
        drop(open_store(home)?);
    }
    drop(lock);
    Ok(())
}

/// The checks of a store that was read: one for its records, or one for each problem and one for the repair.
fn store_checks(findings: &StoreFindings, owner: Option<&str>) -> Vec<Check> {
    let by = owner.map_or_else(String::new, |owner| format!("; read by its owner, {owner}"));
    let counts = format!(
        "{}, {}, {} not ended{by}",
        counted(findings.records, "record"),
        counted(findings.executions, "execution"),
        findings.active
    );
    if findings.problems.is_empty() {
        return vec![Check::new("store", Verdict::Good, counts)];
    }
    let problems = findings.problems.iter().map(|problem| Check::new("store", Verdict::Bad, problem.as_str()));
    let cure = match findings.index_is_damaged {
        true => format!(
            "nothing is lost: the mirror has every record. Keep a copy of the folder, then   flow doctor --repair{OPTIONS}"
        ),
        false => format!("keep a copy of the folder; {}", save_hint()),
    };
    problems.chain([Check::new("store", Verdict::Note, format!("{counts}; {cure}"))]).collect()
}

async fn credentials(report: &mut DoctorReport, global: &Global, ask: bool) -> Result<(), CliError> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let source = match &global.profile {
        Some(profile) => format!("profile {profile}"),
        None if set("AWS_ACCESS_KEY_ID") => "AWS_ACCESS_KEY_ID".to_owned(),
        None => "AWS's default chain".to_owned(),
    };
    if !ask {
        report.show(&unverified_credentials(&source));
        return Ok(());
    }
    let location = Location::Aws { profile: global.profile.clone(), region: global.region.clone() };
    match Environments::new(Home::real(global)?).identity(&location).await {
        Ok(identity) => report.add("credentials", Verdict::Good, &format!("{source}: {}", identity.arn)),
        Err(error) => report.add("credentials", Verdict::Bad, &format!("{source}: {error}")),
    }
    Ok(())
}

fn unverified_credentials(source: &str) -> Check {
    let found = format!("{source}; not verified. To verify them:   flow doctor --aws{OPTIONS}");
    Check::new("credentials", Verdict::Note, found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use engine::store::StoreError;

    use super::*;

    /// The output of doctor about a store.
    fn shown(findings: &StoreFindings, owner: Option<&str>, fdatasyncs_per_second: f64) -> String {
        let home = Check::new("home", Verdict::Good, "/home/ann/.local/state/flow, mode 700");
        let checks = [home, disk_check(fdatasyncs_per_second)].into_iter().chain(store_checks(findings, owner));
        let all = checks.chain([unverified_credentials("AWS's default chain")]);
        all.map(|check| check.line()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_healthy_store_and_damaged_ones() {
        let healthy = StoreFindings { records: 4_211, executions: 118, active: 2, ..StoreFindings::default() };
        let owner = "process 4211: flow serve";
        snapshot!(
            "doctor_healthy",
            format!("{}\n\n{}", shown(&healthy, None, 3_100.0), shown(&healthy, Some(owner), 90.0))
        );
        let damaged = |error: StoreError, index_is_damaged| {
            let problems = vec![error.to_string()];
            shown(&StoreFindings { problems, index_is_damaged, ..healthy.clone() }, None, 3_100.0)
        };
        let message = "the checksum differs".to_owned();
        let of_log = StoreError::Damaged { key: "commit log".to_owned(), message: message.clone() };
        let folder = "/home/ann/.local/state/flow/store".to_owned();
        let of_index = StoreError::Index { folder, message };
        snapshot!("doctor_damaged", format!("{}\n\n{}", damaged(of_log, false), damaged(of_index, true)));
    }

    #[test]
    fn what_others_may_write_in_a_store_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        std::fs::create_dir(&store).unwrap();
        let set_mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        for (name, mode) in [("conf", 0o644), ("db", 0o666), ("snap.0000", 0o664)] {
            std::fs::write(store.join(name), "").unwrap();
            set_mode(&store.join(name), mode);
        }
        set_mode(&store, 0o700);
        assert_eq!(writable_by_others(&store), [store.join("db")]);
        set_mode(&store, 0o777);
        assert_eq!(writable_by_others(&store), [store.clone(), store.join("db")]);
        assert!(writable_by_others(&folder.path().join("none")).is_empty());
    }
}

//! `flow doctor`.

use std::{
    io::{Seek, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Instant,
};

use clap::Args;
use engine::store::{Findings, OwnerLock, Store, StoreError, has_room, rebuild};

use crate::{
    arguments::{Global, Output},
    clock,
    exit::{CliError, Exit},
    place::Place,
    session::{SAVING, exclusive, open_store},
};

/// Fewer than this many fdatasync in a second make every step slow.
const FDATASYNCS_SLOW: f64 = 200.0;
/// How many writes of the probe stand one behind the other.
const PROBE_WRITES: u32 = 256;

/// Arguments of `flow doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// Ask AWS who the credentials belong to.
    #[arg(long)]
    aws: bool,
    /// Make a damaged index of the store anew from its mirror; the damaged one is kept beside it.
    #[arg(long)]
    repair: bool,
}

/// How one look turned out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Note,
    Bad,
}

struct Report {
    json: bool,
    bad: bool,
}

impl Report {
    fn tell(&mut self, what: &str, verdict: Verdict, found: &str) {
        self.bad |= verdict == Verdict::Bad;
        let (sign, word) = match verdict {
            Verdict::Good => ("✔", "good"),
            Verdict::Note => ("·", "note"),
            Verdict::Bad => ("✖", "bad"),
        };
        match self.json {
            true => say!("{}", serde_json::json!({ "type": "look", "what": what, "verdict": word, "found": found })),
            false => say!("{sign} {what:<12} {found}"),
        }
    }
}

/// Looks the store and this machine through; 1 where something is wrong.
pub async fn run(global: &Global, arguments: DoctorArguments) -> Result<Exit, CliError> {
    let mut report = Report { json: global.output == Output::Json, bad: false };
    for place in [Place::real(global)?, Place::rehearsals(global)?] {
        if !place.home().exists() {
            report.tell("home", Verdict::Note, &format!("{}: nothing yet", place.home().display()));
            continue;
        }
        permissions(&mut report, &place);
        disk(&mut report, place.home());
        store(&mut report, &place, arguments.repair);
    }
    credentials(&mut report, global, arguments.aws).await;
    Ok(if report.bad { Exit::Failed } else { Exit::Success })
}

fn permissions(report: &mut Report, place: &Place) {
    let home = place.home();
    let shown = home.display();
    match std::fs::metadata(home).map(|data| data.permissions().mode() & 0o777) {
        Ok(mode) if mode & 0o077 == 0 => report.tell("home", Verdict::Good, &format!("{shown}, mode {mode:o}")),
        Ok(mode) => {
            report.tell("home", Verdict::Bad, &format!("{shown} is open to others (mode {mode:o}): chmod 700 {shown}"));
        }
        Err(error) => report.tell("home", Verdict::Bad, &format!("{shown}: {error}")),
    }
}

fn disk(report: &mut Report, home: &Path) {
    let path = home.join("doctor.probe");
    let probe = || -> std::io::Result<f64> {
        let mut file = std::fs::File::create(&path)?;
        let (began, mut count) = (Instant::now(), 0);
        while began.elapsed().as_millis() < 300 {
            // The same few pages again and again: a probe must not fill the disk.
            if count % PROBE_WRITES == 0 {
                file.rewind()?;
            }
            file.write_all(&[0; 256])?;
            file.sync_data()?;
            count += 1;
        }
        Ok(f64::from(count) / began.elapsed().as_secs_f64())
    };
    let rate = probe();
    let _ = std::fs::remove_file(&path);
    if let Err(error) = has_room(home) {
        return report.tell("disk", Verdict::Bad, &error.to_string());
    }
    match rate {
        Ok(rate) if rate >= FDATASYNCS_SLOW => {
            report.tell("disk", Verdict::Good, &format!("{rate:.0} fdatasync/s"));
        }
        Ok(rate) => report.tell("disk", Verdict::Note, &format!("{rate:.0} fdatasync/s: no step is faster than that")),
        Err(error) => report.tell("disk", Verdict::Bad, &format!("{}: {error}", home.display())),
    }
}

fn store(report: &mut Report, place: &Place, repair: bool) {
    if !place.store().exists() {
        return report.tell("store", Verdict::Note, "none yet");
    }
    let (mut store, _lock) = match exclusive(place) {
        Ok(owned) => owned,
        Err(error) if error.exit == Exit::Unreachable => {
            let holder = OwnerLock::holder(place.home()).map_or(String::new(), |holder| holder.command);
            return report.tell("store", Verdict::Note, &format!("in use ({holder}): not looked through"));
        }
        Err(error) => {
            report.tell("store", Verdict::Bad, &error.message);
            return report.tell("store", Verdict::Note, error.hint.as_deref().unwrap_or_default());
        }
    };
    let mut findings = store.verify();
    if repair && findings.problems.iter().any(is_of_index) {
        drop(store);
        match repaired(report, place) {
            Ok(again) => store = again,
            Err(error) => return report.tell("store", Verdict::Bad, &error.message),
        }
        findings = store.verify();
    }
    tell_findings(report, &findings);
    if !place.rehearsal {
        match clock::behind(place, &store) {
            Some(words) => report.tell("clock", Verdict::Bad, &words),
            None => report.tell("clock", Verdict::Good, "not behind the history"),
        }
    }
}

/// Damage that the mirror knows better.
fn is_of_index(problem: &StoreError) -> bool {
    matches!(problem, StoreError::Index { .. })
}

fn repaired(report: &mut Report, place: &Place) -> Result<Store, CliError> {
    let damaged = rebuild(&place.store()).map_err(|error| CliError::refused(error.to_string()))?;
    let found = format!("the index was made anew from its mirror; the damaged one is in {}", damaged.display());
    report.tell("repair", Verdict::Good, &found);
    open_store(place)
}

fn tell_findings(report: &mut Report, findings: &Findings) {
    let counts =
        format!("{} records, {} executions, {} not ended", findings.records, findings.executions, findings.active);
    if findings.problems.is_empty() {
        return report.tell("store", Verdict::Good, &counts);
    }
    for problem in &findings.problems {
        report.tell("store", Verdict::Bad, &problem.to_string());
    }
    let cure = match findings.problems.iter().any(is_of_index) {
        true => "nothing is lost: its mirror has all of it. Keep a copy of the folder, then   flow doctor --repair"
            .to_owned(),
        false => format!("keep a copy of the folder; {SAVING}"),
    };
    report.tell("store", Verdict::Note, &format!("{counts}; {cure}"));
}

async fn credentials(report: &mut Report, global: &Global, ask: bool) {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let source = match &global.profile {
        Some(profile) => format!("profile {profile}"),
        None if set("AWS_ACCESS_KEY_ID") => "AWS_ACCESS_KEY_ID".to_owned(),
        None => "AWS's default chain".to_owned(),
    };
    if !ask {
        return report.tell("credentials", Verdict::Note, &format!("{source}; not asked: flow doctor --aws"));
    }
    match crate::environments::caller(global.profile.as_deref(), global.region.as_deref()).await {
        Ok(caller) => report.tell("credentials", Verdict::Good, &format!("{source}: {}", caller["arn"])),
        Err(error) => report.tell("credentials", Verdict::Bad, &format!("{source}: {error}")),
    }
}

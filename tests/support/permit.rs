//! The right to run a rehearsal: few run at a time, so that a workflow's short time-outs do not pass between two polls on two cores.

use std::{fs::File, time::Duration};

/// The most rehearsals at a time. One uses about half a core.
const PERMITS: usize = 2;

/// A lock on a file, so that it holds between the processes of a runner that gives each test its own. The kernel releases it when the
/// file is closed.
pub struct Permit {
    _locked: File,
}

impl Permit {
    /// Waits until fewer rehearsals run.
    pub fn take() -> Self {
        loop {
            if let Some(locked) = (0..PERMITS).find_map(free) {
                return Permit { _locked: locked };
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn free(number: usize) -> Option<File> {
    let user = rustix::process::getuid().as_raw();
    let path = std::env::temp_dir().join(format!("flow-test-rehearsal-{user}-{number}.lock"));
    let file = File::options().create(true).append(true).open(path).unwrap();
    file.try_lock().is_ok().then_some(file)
}

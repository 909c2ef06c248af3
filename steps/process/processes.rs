//! The processes of this machine, as the proc file system lists them.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A process that has not been reaped. Its parent, group and session are `None` if they are outside this process's PID
/// namespace, as the session of a container's first process often is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    id: Pid,
    parent: Option<Pid>,
    group: Option<Pid>,
    session: Option<Pid>,
}

/// Sends a signal to every child of this process and to the child's process group.
///
/// A child's id is valid until this process reaps it, and a group's id while the group has a member. A caller that does
/// not reap meanwhile signals no other process. Grandchildren in other groups are not signalled; if this process is
/// their subreaper, they become its children when their parent ends.
pub(super) fn signal_children(signal: Signal) {
    let this = rustix::process::getpid();
    for child in all().filter(|process| process.parent == Some(this)) {
        // A process of this session can join any of its groups, including this process's own.
        if let Some(group) = child.group.filter(|group| *group != this) {
            let _ = kill_process_group(group, signal);
        }
        let _ = kill_process(child.id, signal);
    }
}

/// Sends a signal to every process of a session.
pub(super) fn signal_session(session: Pid, signal: Signal) {
    for member in all().filter(|process| process.session == Some(session)) {
        let _ = kill_process(member.id, signal);
    }
}

fn all() -> impl Iterator<Item = Process> {
    let process = |entry: std::fs::DirEntry| {
        let id = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        read(id, &std::fs::read_to_string(entry.path().join("stat")).ok()?)
    };
    std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok).filter_map(process)
}

/// Parses fields 4 to 6 of `/proc/PID/stat` (proc_pid_stat(5)). The second field is a name in parentheses that may
/// contain any character. The kernel writes 0 for a process outside the reader's namespace.
fn read(id: Pid, stat: &str) -> Option<Process> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(1);
    let mut next = || fields.next()?.parse().ok().map(Pid::from_raw);
    Some(Process { id, parent: next()?, group: next()?, session: next()? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_hides_no_field() {
        let id = Pid::from_raw(7).unwrap();
        let process = |parent, group, session| {
            Some(Process {
                id,
                parent: Pid::from_raw(parent),
                group: Pid::from_raw(group),
                session: Pid::from_raw(session),
            })
        };
        assert_eq!(read(id, "7 (a) (b c) S 4 5 6 0 -1"), process(4, 5, 6));
        assert_eq!(read(id, "7 (init) S 0 0 0"), process(0, 0, 0));
        assert_eq!(read(id, "7 (short) S 4 5"), None);
        assert_eq!(read(id, ""), None);
    }

    #[test]
    fn a_child_is_found_with_its_group_until_it_is_reaped() {
        use std::os::unix::process::CommandExt;
        let mut child = std::process::Command::new("/bin/sleep").arg("60").process_group(0).spawn().unwrap();
        let id = Pid::from_child(&child);
        let this = rustix::process::getpid();
        let of = |id| all().find(|process| process.id == id);
        let (found, parent) = (of(id), of(this).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        // The session is this process's; it is `None` if its leader is outside a container.
        assert_eq!(found, Some(Process { id, parent: Some(this), group: Some(id), session: parent.session }));
        assert_eq!(of(id), None);
    }
}

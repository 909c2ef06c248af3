//! The priority of a thread. Linux has one for each thread, and a thread inherits that of the thread that starts it.

use std::io;

/// Lowers the priority of the calling thread to a nice value. A thread of lower priority keeps it, and so does every thread if the system
/// refuses.
pub fn lower(nice: i32) {
    if self::nice().is_ok_and(|current| current < nice) {
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), nice);
    }
}

/// The nice value of the calling thread.
///
/// # Errors
/// The system does not report it.
pub fn nice() -> io::Result<i32> {
    rustix::process::getpriority_process(Some(rustix::thread::gettid())).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{lower, nice};

    #[test]
    fn only_the_calling_thread_gets_a_lower_priority_and_none_a_higher_one() {
        let before = nice().unwrap();
        let of_thread = std::thread::spawn(move || {
            lower((before + 3).min(19));
            let lowered = nice().unwrap();
            lower(before);
            (lowered, nice().unwrap())
        });
        let lowered = (before + 3).min(19);
        assert_eq!(of_thread.join().unwrap(), (lowered, lowered));
        assert_eq!(nice().unwrap(), before);
    }
}

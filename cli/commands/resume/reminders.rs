//! Decides when `flow resume --all --quiet` reports the need of an execution for a person, and the reason why an execution is not resumed:
//! when it is new, then once a day.

use std::{collections::BTreeMap, time::Duration};

/// The time between two lines about the same need.
const REMINDER_INTERVAL: Duration = Duration::from_secs(24 * 3_600);

/// An execution that is not resumed.
pub(super) struct NotResumed {
    /// Its id.
    pub id: String,
    /// The number of its last event.
    pub last_event: u64,
}

/// The times at which the needs of executions, and the reasons why they are not resumed, were last reported.
#[derive(Debug, Default)]
pub(super) struct Reminders {
    /// By key, the time of the last line, in milliseconds since the Unix epoch. `ID`: the line with the needs of an execution. `ID KIND`:
    /// the line with a reason; no id has a space. `ID at`: not a time, but the number of the execution's last event at that line.
    said_ms: BTreeMap<String, u64>,
    now_ms: u64,
    /// Whether the times have changed since they were stored.
    is_changed: bool,
}

impl Reminders {
    /// The stored times of executions that have not ended.
    pub fn new(mut said_ms: BTreeMap<String, u64>, unfinished: &[String], now_ms: u64) -> Self {
        said_ms.retain(|key, _| unfinished.iter().any(|id| key == id || is_refusal_of(key, id)));
        Reminders { said_ms, now_ms, is_changed: false }
    }

    /// Whether a line is due about an execution that needs a person. `is_said`: a line is printed in any case.
    pub fn is_due(&mut self, id: &str, is_said: bool) -> bool {
        let last_ms = self.said_ms.get(id).copied();
        let is_old = |last_ms: u64| u128::from(self.now_ms.saturating_sub(last_ms)) >= REMINDER_INTERVAL.as_millis();
        let is_due = is_said || last_ms.is_some_and(is_old);
        // Another command showed a need of which no time is stored: its day begins now.
        if is_due || last_ms.is_none() {
            self.said_ms.insert(id.to_owned(), self.now_ms);
            self.is_changed = true;
        }
        is_due
    }

    /// Whether a line is due about an execution that is not resumed, for a reason of this kind. `is_said`: a line is printed in any case.
    /// A reason stays known while other commands can resume the execution: it is new once the execution has proceeded, which changes the
    /// number of its last event.
    pub fn is_refusal_due(&mut self, execution: &NotResumed, kind: &str, is_said: bool) -> bool {
        let NotResumed { id, last_event } = execution;
        let at = format!("{id} at");
        if self.said_ms.get(&at) != Some(last_event) {
            self.said_ms.retain(|key, _| !is_refusal_of(key, id));
            self.said_ms.insert(at, *last_event);
            self.is_changed = true;
        }
        let key = format!("{id} {kind}");
        let is_new = !self.said_ms.contains_key(&key);
        self.is_due(&key, is_said || is_new)
    }

    /// Removes an execution that needs no person any more: its next need counts as new.
    pub fn remove(&mut self, id: &str) {
        self.is_changed |= self.said_ms.remove(id).is_some();
    }

    /// Whether there are times to store.
    pub fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// The times to store; `None` if these are stored.
    pub fn take_changed(&mut self) -> Option<BTreeMap<String, u64>> {
        std::mem::take(&mut self.is_changed).then(|| self.said_ms.clone())
    }

    /// The times to store.
    #[cfg(test)]
    fn into_said_ms(self) -> BTreeMap<String, u64> {
        self.said_ms
    }
}

/// Whether a key is of a line with a reason why the execution is not resumed.
fn is_refusal_of(key: &str, id: &str) -> bool {
    key.strip_prefix(id).is_some_and(|rest| rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 24 * 3_600_000;

    fn not_resumed(id: &str, last_event: u64) -> NotResumed {
        NotResumed { id: id.to_owned(), last_event }
    }

    /// Whether a line is due at a time, and the times that are stored then.
    fn at(now_ms: u64, said_ms: BTreeMap<String, u64>, is_said: bool) -> (bool, BTreeMap<String, u64>) {
        let mut reminders = Reminders::new(said_ms, &["one".to_owned()], now_ms);
        let is_due = reminders.is_due("one", is_said);
        (is_due, reminders.into_said_ms())
    }

    #[test]
    fn a_need_is_said_when_it_is_new_and_once_a_day_while_it_waits() {
        let (is_due, said) = at(1_000, BTreeMap::new(), true);
        assert!(is_due, "it is new");
        let (is_due, said) = at(DAY_MS, said, false);
        assert!(!is_due, "a day has not passed");
        let (is_due, said) = at(DAY_MS + 1_000, said, false);
        assert!(is_due, "a day has passed");
        let (is_due, said) = at(DAY_MS + 2_000, said, false);
        assert!(!is_due, "it was said a second ago");
        let (is_due, _) = at(DAY_MS + 3_000, said, true);
        assert!(is_due, "another question is new");
    }

    #[test]
    fn a_need_that_another_command_showed_is_said_a_day_later() {
        let (is_due, said) = at(1_000, BTreeMap::new(), false);
        assert!(!is_due);
        assert!(!at(DAY_MS, said.clone(), false).0);
        assert!(at(DAY_MS + 1_000, said, false).0);
    }

    #[test]
    fn a_reason_is_said_when_it_is_new_and_once_a_day() {
        let unfinished = ["one".to_owned(), "one-2".to_owned()];
        let at = |now_ms, said_ms| Reminders::new(said_ms, &unfinished, now_ms);
        let mut first = at(1_000, BTreeMap::new());
        assert!(first.is_refusal_due(&not_resumed("one", 7), "EnvironmentRefused", false), "it is new");
        let mut later = at(DAY_MS, first.into_said_ms());
        assert!(!later.is_refusal_due(&not_resumed("one", 7), "EnvironmentRefused", false), "a day has not passed");
        assert!(later.is_refusal_due(&not_resumed("one", 7), "CredentialsUnusable", false), "another reason is new");
        assert!(
            later.is_refusal_due(&not_resumed("one-2", 7), "EnvironmentRefused", false),
            "and that of another execution"
        );
        let mut next = at(DAY_MS + 1_000, later.into_said_ms());
        assert!(next.is_refusal_due(&not_resumed("one", 7), "EnvironmentRefused", false), "a day has passed");
        assert!(
            !next.is_refusal_due(&not_resumed("one", 7), "EnvironmentRefused", false),
            "another command may have resumed it"
        );
        assert!(next.is_refusal_due(&not_resumed("one", 8), "EnvironmentRefused", false), "it has proceeded meanwhile");
        assert!(next.is_refusal_due(&not_resumed("one", 8), "CredentialsUnusable", false), "for any reason");
        assert!(!next.is_refusal_due(&not_resumed("one-2", 7), "EnvironmentRefused", false));
        assert!(Reminders::new(next.into_said_ms(), &[], DAY_MS).into_said_ms().is_empty(), "it has ended");
    }

    #[test]
    fn times_are_stored_once_after_each_change() {
        let mut reminders = Reminders::new(BTreeMap::new(), &["one".to_owned()], 1_000);
        assert_eq!((reminders.is_changed(), reminders.take_changed()), (false, None));
        assert!(
            reminders.is_refusal_due(&not_resumed("one", 7), "EnvironmentRefused", false) && reminders.is_changed()
        );
        assert!(reminders.take_changed().is_some_and(|said_ms| said_ms.contains_key("one EnvironmentRefused")));
        assert!(!reminders.is_refusal_due(&not_resumed("one", 7), "EnvironmentRefused", false));
        assert_eq!(reminders.take_changed(), None, "it was said before");
        assert!(reminders.is_due("one", true) && reminders.take_changed().is_some());
        reminders.remove("one");
        assert!(reminders.is_changed());
    }

    #[test]
    fn an_answered_need_and_an_ended_execution_are_removed() {
        let said = BTreeMap::from([("one".to_owned(), 1), ("ended".to_owned(), 1)]);
        let mut reminders = Reminders::new(said, &["one".to_owned()], 2);
        reminders.remove("one");
        assert!(reminders.into_said_ms().is_empty());
    }
}

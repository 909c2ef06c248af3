//! Tasks that wait for the end of another execution.

use crate::machine::turn::Turn;

impl Turn<'_> {
    /// Polls the Tasks that wait for an execution which has ended or paused.
    pub fn awaited_settled(&mut self, execution: &str) {
        for id in self.execution.awaiting(execution) {
            self.poll(id);
        }
        self.set_timer_again();
    }
}

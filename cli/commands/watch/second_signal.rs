//! The message of a second signal, which may arrive before the command has printed how it stops.

use api::view::View;

use super::Watch;
use crate::{interrupt, owner::Handle, ui::stopped};

/// Sets the message of a second signal about an execution that this process drives. `called`: the states whose calls are in flight.
pub(super) async fn prepare(handle: &Handle, watch: Watch, view: &View, called: &[String]) {
    if handle.is_remote().await {
        return;
    }
    match watch.is_one_of_many {
        true => stopped::calls_of(view, called).into_iter().for_each(interrupt::breaks_off),
        false => interrupt::at_second_signal(stopped::message_at_once(view, called)),
    }
}

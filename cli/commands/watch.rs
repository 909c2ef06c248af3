//! Watching an execution until it rests, whoever drives it.

use engine::{machine::ExecutionStatus, runner::RunnerEvent};

use crate::{
    arguments::Global,
    clock,
    exit::{CliError, Exit},
    place::Place,
    session::{Session, standing, store_failed},
    socket::protocol::Status,
    ui::{display::Display, view::View},
};

/// How a watch goes.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    /// Stop at the first wait (exit code 75).
    pub no_wait: bool,
}

/// Where a watch stopped.
pub struct Watched {
    /// What was seen.
    pub view: View,
    /// The exit code that it stands for.
    pub exit: Exit,
}

enum Stop {
    Rested,
    Interrupted,
    Waits,
}

/// Follows an execution from its beginning until it rests, is interrupted, or (with `no_wait`) only waits.
///
/// # Errors
/// The store fails.
pub async fn watch(
    global: &Global,
    place: &Place,
    session: &mut Session,
    id: &str,
    watch: Watch,
) -> Result<Watched, CliError> {
    let status: Status = session.call("Flow.Status", &serde_json::json!({ "id": id })).await?;
    let mut view = View::new(id, &status.definition);
    let mut display = Display::new(global, clock::of(place));
    let stop = loop {
        match follow(session, &mut view, &mut display, watch, status.header.last_sequence).await? {
            Some(stop) => break stop,
            None => session.take_over(id).await?,
        }
    };
    let status: Status = session.call("Flow.Status", &serde_json::json!({ "id": id })).await?;
    display.end(&view, standing(&status.header, true));
    let exit = match stop {
        Stop::Interrupted => Exit::Interrupted,
        Stop::Waits => Exit::Waiting,
        Stop::Rested => match status.header.status {
            ExecutionStatus::Succeeded => Exit::Success,
            ExecutionStatus::Running => Exit::Waiting,
            _ => Exit::Failed,
        },
    };
    Ok(Watched { view, exit })
}

/// Follows until there is a reason to stop; `None` when the owner of the store went away.
async fn follow(
    session: &Session,
    view: &mut View,
    display: &mut Display,
    watch: Watch,
    known_sequence: u64,
) -> Result<Option<Stop>, CliError> {
    let Ok(mut events) = session.client().follow(&view.id.clone(), view.last_sequence + 1).await else {
        return Ok(None);
    };
    let mut tick = tokio::time::interval(display.tick_interval());
    loop {
        tokio::select! {
            biased;
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                stop_at_second_interrupt();
                eprintln!("\nflow: finishing the calls in flight; nothing is lost. Then   flow resume {}", view.id);
                return Ok(Some(Stop::Interrupted));
            }
            event = events.next() => {
                let Some(event) = event else { return Ok(None) };
                if let RunnerEvent::StoreFailed { message } = &event {
                    return Err(store_failed(message));
                }
                view.see(&event);
                display.event(view, &event);
                // What the store had when we came may say "ended" and be redriven since: only what came after counts.
                let current = view.last_sequence >= known_sequence;
                let rested = matches!(&event, RunnerEvent::Rested { .. });
                if rested || (current && view.status != ExecutionStatus::Running) {
                    return Ok(Some(Stop::Rested));
                }
                if watch.no_wait && current && view.only_waits() {
                    return Ok(Some(Stop::Waits));
                }
            }
            _ = tick.tick() => display.tick(view),
        }
    }
}

/// A second Ctrl-C does not wait for the calls in flight. Nothing is lost then either: they are looked up at the resume.
fn stop_at_second_interrupt() {
    tokio::spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(i32::from(Exit::Interrupted as u8));
        }
    });
}

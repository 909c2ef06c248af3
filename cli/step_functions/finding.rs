//! Finds executions with as few calls as possible: a state machine is asked only if it may have the execution.

use api::flow;
use engine::store::is_name;
use futures::future::try_join_all;
use steps::step_functions::{NamedArn, RemoteExecution};

use super::{
    Executions, MATCHES_MAX, execution_arn, header,
    listing::{CALLS_AT_ONCE, ListLimits, MACHINES_MAX, MACHINES_SEARCHED_MAX},
    service_error,
};
use crate::{
    exit::{CliError, Exit},
    proposed::OPTIONS,
    ui::text::counted,
};

/// The executions whose names are compared with the beginning of one.
const WITH_A_BEGINNING: ListLimits = ListLimits { running: false, each_max: usize::MAX, all_max: 10_000 };
/// The executions of which the one that started last is `@latest`. A list is ordered by the last redrive.
const LATEST_OF_EACH: ListLimits = ListLimits { running: false, each_max: 100, all_max: usize::MAX };

impl Executions {
    pub(super) async fn find(&self, request: flow::FindRequest) -> Result<flow::FindResponse, CliError> {
        let wanted = request.wanted;
        if wanted.is_empty() {
            return Ok(flow::FindResponse::default());
        }
        let (mut matches, name) = if wanted.starts_with("arn:") {
            let remote = self.remote(&wanted).await?;
            let name = remote.name.clone();
            (vec![remote], name)
        } else if let Some((machine, name)) = wanted.split_once(':') {
            (self.find_in(machine, name).await?, name.to_owned())
        } else {
            (self.find_in_all(&wanted).await?, wanted)
        };
        matches.truncate(MATCHES_MAX);
        // Of several, the command names them and does nothing else.
        if let [only] = matches.as_slice() {
            self.keep(&only.arn).await?;
        }
        let exact = matches.len() == 1 && matches[0].name == name;
        Ok(flow::FindResponse { exact, matches: matches.iter().map(|remote| header(&remote.arn, remote)).collect() })
    }

    /// The execution of a state machine with this name. If none has it, the executions whose names begin with it.
    async fn find_in(&self, machine: &str, name: &str) -> Result<Vec<RemoteExecution>, CliError> {
        let Some(arn) = self.api.state_machine_arn(machine).await.map_err(service_error)? else {
            return Ok(Vec::new());
        };
        let machines = [NamedArn { name: machine.to_owned(), arn }];
        let found = self.named(&machines, name).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        self.beginning_with(&machines, true, name).await
    }

    /// The executions of all state machines with this name. If none has it, the executions whose names begin with it. `@latest` is the
    /// newest one.
    async fn find_in_all(&self, name: &str) -> Result<Vec<RemoteExecution>, CliError> {
        if name == flow::LATEST {
            return self.latest().await;
        }
        let (machines, are_all) = self.machines(MACHINES_MAX).await?;
        // `flow run` names executions after their workflow, so one call finds most of them. One call for each state machine finds any
        // other: also an execution that a list has on a late page.
        let (near, others): (Vec<NamedArn>, Vec<NamedArn>) =
            machines.iter().cloned().partition(|machine| name.starts_with(&machine.name));
        for some in [near, others] {
            let found = self.named(&some, name).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        self.beginning_with(&machines, are_all, name).await
    }

    /// The execution that started last.
    async fn latest(&self) -> Result<Vec<RemoteExecution>, CliError> {
        let (machines, are_all) = self.machines(MACHINES_SEARCHED_MAX).await?;
        if !are_all {
            let message = format!(
                "the latest execution is not known: more than {MACHINES_SEARCHED_MAX} state machines exist; nothing was done"
            );
            return Err(CliError::refused(message).hint("name the execution, as in MACHINE:NAME"));
        }
        let mut latest = self.newest(&machines, LATEST_OF_EACH).await?.executions;
        latest.truncate(1);
        Ok(latest)
    }

    /// The executions of some state machines whose names begin with this one. None of them has it as its name. `are_all`: whether no other
    /// state machines may have an execution of the name.
    ///
    /// # Errors
    /// Also if none was found, and not all were searched.
    async fn beginning_with(
        &self,
        machines: &[NamedArn],
        are_all: bool,
        name: &str,
    ) -> Result<Vec<RemoteExecution>, CliError> {
        let searched = &machines[..machines.len().min(MACHINES_SEARCHED_MAX)];
        let found = self.newest(searched, WITH_A_BEGINNING).await?;
        let (read, mut matches) = (found.executions.len(), found.executions);
        retain_named(&mut matches, name);
        let is_complete = found.is_complete && searched.len() == machines.len();
        if !matches.is_empty() || (are_all && is_complete) {
            return Ok(matches);
        }
        let message = match are_all {
            true => format!(
                "there is no execution named '{name}'; of those whose names begin with it, only the latest {read} of {} were searched",
                counted(searched.len(), "state machine")
            ),
            false => {
                format!("no execution named '{name}' was found in {} state machines, and more exist", machines.len())
            }
        };
        Err(CliError::not_found(message)
            .hint(format!("flow status MACHINE:NAME{OPTIONS}   finds any execution by its complete name")))
    }

    /// The executions with this name of some state machines.
    async fn named(&self, machines: &[NamedArn], name: &str) -> Result<Vec<RemoteExecution>, CliError> {
        let mut found = Vec::new();
        // An ARN with any other name is refused.
        let machines = if is_name(name) { machines } else { &[] };
        for some in machines.chunks(CALLS_AT_ONCE) {
            let calls: Vec<_> = some.iter().map(|machine| self.one(execution_arn(&machine.arn, name))).collect();
            found.extend(try_join_all(calls).await?.into_iter().flatten());
        }
        Ok(found)
    }

    /// The execution with an ARN; `None` if it does not exist.
    async fn one(&self, arn: String) -> Result<Option<RemoteExecution>, CliError> {
        match self.remote(&arn).await {
            Ok(remote) => Ok(Some(remote)),
            Err(error) if error.exit == Exit::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Keeps the executions with this name. If none has it, keeps those whose names begin with it.
fn retain_named(matches: &mut Vec<RemoteExecution>, name: &str) {
    let is_named = matches.iter().any(|remote| remote.name == name);
    matches.retain(|remote| if is_named { remote.name == name } else { remote.name.starts_with(name) });
}

#[cfg(test)]
mod tests;

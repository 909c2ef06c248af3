//! Finds and lists executions with as few calls as possible: a state machine is asked only if it may have the execution.

use std::cmp::Reverse;

use api::flow;
use engine::machine::ExecutionStatus;
use futures::future::try_join_all;
use steps::step_functions::{NamedArn, RemoteExecution};

use super::{EXECUTIONS_MAX, Executions, MACHINES_MAX, MATCHES_MAX, execution_arn, header, refused};
use crate::exit::{CliError, Exit};

/// The number of calls that are made at once.
pub(super) const CALLS_AT_ONCE: usize = 8;

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
        let Some(arn) = self.api.state_machine_arn(machine).await.map_err(refused)? else { return Ok(Vec::new()) };
        let machines = [NamedArn { name: machine.to_owned(), arn }];
        let found = if name.is_empty() { Vec::new() } else { self.named(&machines, name).await? };
        if !found.is_empty() {
            return Ok(found);
        }
        let mut matches = self.newest(&machines).await?;
        matches.retain(|remote| remote.name.starts_with(name));
        Ok(matches)
    }

    /// The executions of all state machines with this name. If none has it, the executions whose names begin with it. `@latest` is the
    /// newest one.
    async fn find_in_all(&self, name: &str) -> Result<Vec<RemoteExecution>, CliError> {
        let machines = self.api.state_machines(MACHINES_MAX).await.map_err(refused)?;
        // `flow run` names executions after their workflow, so one call finds most of them.
        let near: Vec<NamedArn> = machines.iter().filter(|machine| name.starts_with(&machine.name)).cloned().collect();
        let found = self.named(&near, name).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        let mut matches = self.newest(&machines).await?;
        match name {
            flow::LATEST => matches.truncate(1),
            name => retain_named(&mut matches, name),
        }
        Ok(matches)
    }

    /// The executions with this name of some state machines.
    async fn named(&self, machines: &[NamedArn], name: &str) -> Result<Vec<RemoteExecution>, CliError> {
        let mut found = Vec::new();
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

    /// The newest executions of some state machines, newest first.
    pub(super) async fn newest(&self, machines: &[NamedArn]) -> Result<Vec<RemoteExecution>, CliError> {
        let mut all = Vec::new();
        for some in machines.chunks(CALLS_AT_ONCE) {
            let calls: Vec<_> = some.iter().map(|machine| self.newest_of(&machine.arn)).collect();
            all.extend(try_join_all(calls).await?.into_iter().flatten());
        }
        all.sort_by_key(|execution| Reverse(execution.started_ms));
        Ok(all)
    }

    async fn newest_of(&self, machine: &str) -> Result<Vec<RemoteExecution>, CliError> {
        self.paced(&self.list, || self.api.executions(machine, EXECUTIONS_MAX)).await
    }

    pub(super) async fn list(&self, request: flow::ListRequest) -> Result<flow::ListResponse, CliError> {
        let machines = self.api.state_machines(MACHINES_MAX).await.map_err(refused)?;
        let mut all = self.newest(&machines).await?;
        all.retain(|execution| !request.unfinished || execution.status == "RUNNING");
        all.truncate(request.limit.unwrap_or(usize::MAX));
        let executions: Vec<_> = all.iter().map(|remote| header(&remote.arn, remote)).collect();
        let running = executions.iter().filter(|header| header.status == ExecutionStatus::Running);
        let driven = running.map(|header| header.id.clone()).collect();
        Ok(flow::ListResponse { executions, driven, ..flow::ListResponse::default() })
    }
}

/// Keeps the executions with this name. If none has it, keeps those whose names begin with it.
fn retain_named(matches: &mut Vec<RemoteExecution>, name: &str) {
    let is_named = matches.iter().any(|remote| remote.name == name);
    matches.retain(|remote| if is_named { remote.name == name } else { remote.name.starts_with(name) });
}

#[cfg(test)]
mod tests;

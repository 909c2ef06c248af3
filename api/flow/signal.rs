//! Answers a task on behalf of a person or a script on this machine.

use engine::{
    asl::{beside_task_token, each_state},
    journal::{ErrorAndCause, Signaller},
    machine::FrameRow,
    step::{Pattern, Resource, TaskToken, waits_for_token},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ahead::can_execute,
    approval::{APPROVAL, approval_of, refuse_malformed},
    unanswerable::is_named,
};
use crate::{APPROVAL_DOES_NOT_WAIT, Api, Fault, IS_APPROVAL, IS_OF_ACTIVITY, Operation, executions::input};

/// Answers the task of a waiting state, as SendTaskSuccess and SendTaskFailure do, but by the state's name.
pub struct SignalTask;

/// A request of [`SignalTask`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignalTaskRequest {
    /// The execution's id.
    pub id: String,
    /// The state's name, or its path if several states of that name wait.
    pub state: String,
    /// The answer.
    pub outcome: TaskOutcome,
    /// The person who answers; recorded in the history.
    pub by: Signaller,
    /// Store the answer if the state does not wait yet.
    #[serde(default)]
    pub early: bool,
}

/// The response of [`SignalTask`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SignalTaskResponse {
    /// Whether the answer is stored until the state waits for an answer.
    pub is_kept: bool,
}

/// The outcome of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TaskOutcome {
    /// The task succeeded. The output is JSON text, as in SendTaskSuccess.
    Success(String),
    /// It failed.
    Failure {
        /// The error name.
        error: String,
        /// The cause, for people.
        cause: String,
    },
    /// The answer that is stored for the task is withdrawn.
    Withdraw,
}

/// Steps that always end with an output of their own, never with an answer: each is a service and the beginning of the action.
const WITHOUT_ANSWER: [(&str, &str); 4] = [("process", "run"), ("ssh", "run"), ("file", ""), ("preflight", "")];

/// Whether a Task may wait for an answer from here: with a task token, for the end of a job, or what the polls of a step find.
fn may_wait(resource: &str) -> bool {
    match Resource::parse(resource) {
        Resource::Unknown => true,
        Resource::Activity | Resource::LambdaFunction { .. } => false,
        Resource::Integration { pattern, .. } => pattern != Pattern::RequestResponse,
        Resource::Step { service, action } => {
            !WITHOUT_ANSWER.iter().any(|(other, begin)| service == *other && action.starts_with(begin))
        }
    }
}

/// The fault of a signal to a Task that others answer, also in advance: an approval restricts who may answer it, and the output of an
/// activity's task is what its worker did. `waits`: whether the Task waits; `asks_person`: whether it asks a person a question beside its
/// task token, or will.
fn refused(id: &str, path: &str, resources: &[String], waits: bool, asks_person: bool) -> Option<Fault> {
    if asks_person || resources.iter().any(|resource| resource == APPROVAL) {
        return Some(match waits {
            true => {
                Fault::new(IS_APPROVAL, format!("\"{path}\" of {id} is an approval, which a signal does not answer"))
            }
            false => Fault::new(
                APPROVAL_DOES_NOT_WAIT,
                format!("\"{path}\" of {id} is an approval: it cannot be answered before it waits"),
            ),
        });
    }
    let is_activity = |resource: &String| Resource::parse(resource) == Resource::Activity;
    resources.iter().any(is_activity).then(|| {
        let message = format!("\"{path}\" of {id} is a task of an activity, which only its worker answers");
        Fault::new(IS_OF_ACTIVITY, format!("{message}; nothing was answered"))
    })
}

/// Whether a Task asks a person when it waits: its arguments have a `Prompt`, literal or computed, beside its task token.
fn asks_beside_token(resource: &str, arguments: &Value) -> bool {
    let beside = beside_task_token(arguments).filter(|_| waits_for_token(resource));
    beside.is_some_and(|(_, fields)| {
        fields.get("Prompt").is_some_and(Value::is_string) || fields.contains_key("Prompt.$")
    })
}

fn waits_for_no_answer(id: &str, state: &str, resources: &[String]) -> String {
    let resources = resources.join(" and ");
    format!("\"{state}\" of {id} never waits for an answer: {resources} ends with its own output; no answer was kept")
}

impl Operation for SignalTask {
    const NAME: &'static str = "Flow.SignalTask";
    type Request = SignalTaskRequest;
    type Response = SignalTaskResponse;

    async fn answer(api: &Api, request: SignalTaskRequest) -> Result<SignalTaskResponse, Fault> {
        let SignalTaskRequest { id, state, outcome, by, early } = request;
        let header = api.header_of(&id)?;
        if let Some(ended) = api.ended(&header, Some(&state))? {
            return Err(ended);
        }
        let outcome = match outcome {
            TaskOutcome::Success(text) => Ok(input::read_output(&text)?),
            TaskOutcome::Failure { error, cause } => Err(ErrorAndCause { error, cause }),
            TaskOutcome::Withdraw => {
                api.withdraw(&id, &state, by).await?;
                return Ok(SignalTaskResponse::default());
            }
        };
        let found = api.waiting(&id, &state)?;
        if found.is_none() && !early {
            return Err(api.nothing_waits(&id, &state).await?);
        }
        if let Some(timed_out) = found.as_ref().and_then(|row| api.timed_out(&header, row)) {
            return Err(timed_out);
        }
        let path = found.as_ref().map_or_else(|| state.clone(), FrameRow::state_path);
        let (resources, will_ask) = api.tasks_of(&id, &path)?;
        let approval = found.as_ref().and_then(approval_of);
        if let Some(approval) = approval {
            refuse_malformed(approval, &path)?;
        }
        // While the call that carries the token is in flight, the question is not recorded yet.
        let asks_later = will_ask && found.as_ref().is_none_or(|row| !row.waits_for_token());
        let asks_person = approval.is_some() || asks_later;
        if let Some(refused) = refused(&id, &path, &resources, found.is_some() && !asks_later, asks_person) {
            return Err(refused);
        }
        // If several states have that name, the output must match the schema of each step.
        if let Ok(output) = &outcome {
            resources.iter().try_for_each(|resource| api.check_output(resource, output))?;
        }
        let Some(row) = found else {
            if !resources.iter().any(|resource| may_wait(resource)) {
                return Err(Fault::new("TaskDoesNotExist", waits_for_no_answer(&id, &path, &resources)));
            }
            if !api.can_still_wait(&id, &path)? {
                let otherwise =
                    format!("\"{path}\" of {id} cannot wait any more: nothing leads to it; no answer was kept");
                return Err(api.unanswerable(&id, Some(&path), otherwise).await?);
            }
            let is_kept = api.runner.signal_early(&id, &state, outcome, Some(by)).await?;
            return Ok(SignalTaskResponse { is_kept });
        };
        match api.answer_row(&id, &row, outcome, by).await? {
            true => Ok(SignalTaskResponse { is_kept: false }),
            false => Err(api.nothing_waits(&id, &state).await?),
        }
    }
}

impl Api {
    /// Answers the task of a frame. Returns false if the task has ended meanwhile.
    pub(super) async fn answer_row(
        &self,
        id: &str,
        row: &FrameRow,
        outcome: Result<Value, ErrorAndCause>,
        by: Signaller,
    ) -> Result<bool, Fault> {
        let token = TaskToken { execution: id.to_owned(), frame: row.id, visit: row.visit, attempt: row.attempt };
        Ok(self.runner.answer_task(&token, outcome, Some(by)).await?)
    }

    /// The frame of the only state of that name or path whose task waits; `None` if none waits.
    fn waiting(&self, id: &str, state: &str) -> Result<Option<FrameRow>, Fault> {
        let mut rows = self.waiting_tasks(id)?;
        rows.retain(|row| is_named(row, state));
        match rows.len() {
            0 | 1 => Ok(rows.pop()),
            _ => {
                let paths: Vec<String> = rows.iter().map(|row| format!("\"{}\"", row.state_path())).collect();
                let message =
                    format!("several states named \"{state}\" wait in {id}: name one of {}", paths.join(", "));
                Err(Fault::new("TaskDoesNotExist", message))
            }
        }
    }

    /// Withdraws the answer that is stored for a state, by the name or path with which it was given.
    async fn withdraw(&self, id: &str, state: &str, by: Signaller) -> Result<(), Fault> {
        let header = self.runner.store().header(id)?.ok_or_else(|| Fault::no_execution(id))?;
        if header.early_signals.iter().any(|signal| signal.state == state) {
            return Ok(self.runner.withdraw_signal(id, state, by).await?);
        }
        let kept: Vec<String> = header.early_signals.iter().map(|signal| format!("\"{}\"", signal.state)).collect();
        let others = match kept.as_slice() {
            [] => "it keeps none".to_owned(),
            _ => format!("it keeps answers for {}", kept.join(", ")),
        };
        Err(Fault::new("TaskDoesNotExist", format!("{id} keeps no answer for a state named \"{state}\"; {others}")))
    }

    async fn nothing_waits(&self, id: &str, state: &str) -> Result<Fault, Fault> {
        let header = self.header_of(id)?;
        let mut rows = self.waiting_tasks(id)?;
        rows.retain(|row| self.timed_out(&header, row).is_none() && !row.is_for_worker());
        let waiting: Vec<String> = rows.iter().map(|row| format!("\"{}\"", row.state_path())).collect();
        let others = match waiting.as_slice() {
            [] => "no task waits".to_owned(),
            _ => format!("these wait: {}", waiting.join(", ")),
        };
        let otherwise = format!("no task of a state named \"{state}\" waits in {id}; {others}");
        self.unanswerable(id, Some(state), otherwise).await
    }

    /// Whether a state of that name or path can still be executed.
    fn can_still_wait(&self, id: &str, state: &str) -> Result<bool, Fault> {
        let (_, definition) = self.runner.store().definition(id)?.unwrap_or_default();
        let frames = self.runner.store().frames(id)?;
        Ok(can_execute(&definition, &frames, state))
    }

    /// The resources of the Tasks of that name or path in the pinned definition, and whether one of them asks a person beside its task
    /// token.
    fn tasks_of(&self, id: &str, state: &str) -> Result<(Vec<String>, bool), Fault> {
        let (_, definition) = self.runner.store().definition(id)?.unwrap_or_default();
        // The last segment of a path is the state's name. Earlier segments may contain an index, as in `Both[1]/Ask`.
        let name = state.rsplit('/').next().unwrap_or(state);
        let named = |wanted: &str| {
            let (mut resources, mut asks_person) = (Vec::new(), false);
            each_state(&definition, &mut |state| {
                if let Some(resource) = state.json["Resource"].as_str().filter(|_| state.name == wanted) {
                    resources.push(resource.to_owned());
                    asks_person |= asks_beside_token(resource, &state.json[state.arguments_field()]);
                }
            });
            (resources, asks_person)
        };
        let mut found = named(name);
        if found.0.is_empty() && name != state {
            found = named(state);
        }
        if found.0.is_empty() {
            return Err(Fault::new("TaskDoesNotExist", format!("{id} has no task in a state named \"{state}\"")));
        }
        Ok(found)
    }

    fn check_output(&self, resource: &str, output: &Value) -> Result<(), Fault> {
        let problems = self.options.host.problems_of_output(resource, output);
        if problems.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the output does not match the schema of {resource}: {}; nothing was answered",
            problems.join("; ")
        );
        Err(Fault::new("InvalidOutput", message))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{asks_beside_token, may_wait, refused};

    #[test]
    fn a_signal_answers_neither_an_approval_nor_a_task_of_an_activity() {
        let kind =
            |resource: &str, waits| refused("r-1", "A", &[resource.to_owned()], waits, false).map(|fault| fault.kind);
        let activity = "arn:aws:states:us-east-1:111111111111:activity:work";
        for waits in [true, false] {
            assert_eq!(kind(activity, waits), Some(crate::IS_OF_ACTIVITY));
            assert_eq!(kind("arn:aws:states:::sqs:sendMessage.waitForTaskToken", waits), None);
            assert_eq!(kind("flow:wait:tcp", waits), None);
        }
        let sent = ["arn:aws:states:::lambda:invoke.waitForTaskToken".to_owned()];
        assert_eq!(refused("r-1", "A", &sent, true, true).map(|fault| fault.kind), Some(crate::IS_APPROVAL));
        assert_eq!(
            refused("r-1", "A", &sent, false, true).map(|fault| fault.kind),
            Some(crate::APPROVAL_DOES_NOT_WAIT)
        );
        assert_eq!(kind("flow:approval:request", true), Some(crate::IS_APPROVAL));
        assert_eq!(kind("flow:approval:request", false), Some(crate::APPROVAL_DOES_NOT_WAIT));
    }

    #[test]
    fn a_task_with_a_prompt_beside_its_token_asks_a_person() {
        let resource = "arn:aws:states:::lambda:invoke.waitForTaskToken";
        let jsonata = json!({ "Payload": { "token": "{% $states.context.Task.Token %}", "Prompt": "{% $prompt %}" } });
        let path = json!({ "Payload": { "token.$": "$$.Task.Token", "Prompt.$": "$.prompt" } });
        for asking in [&jsonata, &path] {
            assert!(asks_beside_token(resource, asking), "{asking}");
            assert!(!asks_beside_token("arn:aws:states:::lambda:invoke", asking), "nothing waits for the token");
        }
        let elsewhere = json!({ "Prompt": "Go?", "Payload": { "token.$": "$$.Task.Token", "Prompt": 1 } });
        assert!(!asks_beside_token(resource, &elsewhere));
    }

    #[test]
    fn only_a_task_that_may_wait_has_an_answer_kept() {
        for resource in [
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "arn:aws:states:::states:startExecution.sync:2",
            "flow:acm:waitUntilIssued",
            "flow:wait:http",
        ] {
            assert!(may_wait(resource), "{resource}");
        }
        for resource in [
            "flow:process:run",
            "flow:ssh:run",
            "flow:file:write",
            "arn:aws:states:us-east-1:111111111111:activity:work",
            "arn:aws:lambda:us-east-1:111111111111:function:f",
            "arn:aws:states:::lambda:invoke",
        ] {
            assert!(!may_wait(resource), "{resource}");
        }
    }
}

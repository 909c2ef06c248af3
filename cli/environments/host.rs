//! The functions that the API calls in the process that serves it: the environment of an execution, its permission to act, and the output
//! of programs.

use api::{Fault, Host, OwnerDescription, ProgramLine};
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use rehearsal::World;
use serde_json::Value;
use steps::LocalSettings;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use workflows::CompiledSchema;

use super::{Environments, Location, Pinned, VERIFIED_FOR, described, has_step};
use crate::this_process;

#[async_trait]
impl Host for Environments {
    async fn environment(&self, needs_account: bool) -> Value {
        let location = match self.home.rehearsal {
            // An execution that starts in a rehearsal stays in its world. If the world has ended, its calls fail.
            true => Location::Rehearsal {
                world: World::read(self.home.folder()).ok().flatten().map(|world| world.id).unwrap_or_default(),
            },
            false => self.default_location.clone(),
        };
        // Without usable credentials no account can be pinned. The first call then fails as it would at AWS.
        let account = match needs_account && !self.home.rehearsal {
            true => self.account_if_any(&location).await,
            false => None,
        };
        // The server's settings apply at each call: its operator decides what executions of clients may use.
        let pinned = Pinned {
            location,
            account,
            settings: LocalSettings::default(),
            has_own_settings: false,
            definition_file: None,
        };
        serde_json::to_value(pinned).unwrap_or_default()
    }

    async fn verify(&self, environment: &Value) -> Result<(), Fault> {
        if environment["accountId"].is_null() {
            self.reopen_unusable(environment).await;
            return Ok(());
        }
        let pinned = self.pinned(environment).map_err(|error| Fault::new(api::ENVIRONMENT_REFUSED, error.cause))?;
        let Some(account) = pinned.account else { return Ok(()) };
        let key = (pinned.location, account);
        if self.verified.lock().await.get(&key).is_some_and(|verified| verified.elapsed() < VERIFIED_FOR) {
            return Ok(());
        }
        if let Some(refusal) = self.refusal(&key.0, &key.1).await {
            return Err(refusal);
        }
        self.note_verified(key.0, key.1).await;
        Ok(())
    }

    fn needs_account(&self, resource: &str) -> bool {
        steps::needs_account(resource)
    }

    fn has_step(&self, resource: &str) -> bool {
        described().is_ok_and(|steps| has_step(steps, resource))
    }

    fn problems_of_output(&self, resource: &str, output: &Value) -> Vec<String> {
        if !resource.starts_with("flow:") {
            return Vec::new();
        }
        let Some(step) = described().ok().and_then(|steps| steps.find(resource)) else { return Vec::new() };
        let problems = CompiledSchema::of_step(step.description().output_schema).problems(output);
        problems.iter().map(|problem| problem.sentence("the output")).collect()
    }

    fn follow_program_lines(&self) -> BoxStream<'static, ProgramLine> {
        let next = async |mut lines: Receiver<steps::ProgramOutput>| {
            loop {
                match lines.recv().await {
                    Ok(line) => return Some((program_line(line), lines)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        };
        futures::stream::unfold(steps::follow_programs(), next).boxed()
    }

    fn problems_of_value(&self, schema: &Value, value: &Value) -> Vec<String> {
        workflows::schema_problems(schema, value).iter().map(ToString::to_string).collect()
    }

    fn owner(&self) -> OwnerDescription {
        OwnerDescription {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            command: this_process::command().to_owned(),
            profile: self.default_location.profile().map(str::to_owned),
            only_reads: false,
            kind: Some(this_process::kind()),
        }
    }
}

fn program_line(line: steps::ProgramOutput) -> ProgramLine {
    ProgramLine {
        execution: line.execution.to_string(),
        state_path: line.state_path.to_string(),
        attempt: line.attempt,
        is_error: line.stream == steps::ProgramStream::Error,
        text: line.text,
    }
}

//! `flow run`.

mod consent;
mod plan;

use clap::Args;
use engine::machine::ExecutionHeader;
use serde_json::Value;

use super::watch::{Watch, watch};
use crate::{
    arguments::{Global, Output},
    environments::{self, Pinned},
    exit::{CliError, Exit},
    ids,
    place::{Place, REHEARSAL_PREFIX},
    session::Session,
    socket::protocol::Start,
    ui::{json, summary},
    world,
};
use plan::Plan;

/// Arguments of `flow run`.
#[derive(Debug, Clone, Args)]
pub struct RunArguments {
    /// A workflow's name (`flow workflows`) or a definition file.
    pub workflow: String,
    /// The input: a file (JSON, YAML or TOML), `-` for standard input, or JSON.
    #[arg(long, value_name = "FILE|-|JSON")]
    pub input: Option<String>,
    /// Sets one field of the input, such as `database.version=15`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The execution's id; the same id and input attach to the one that exists.
    #[arg(long, value_name = "NAME")]
    pub id: Option<String>,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
    /// Stop after showing what would be done.
    #[arg(long)]
    pub plan: bool,
    /// Stop at the first wait with exit code 75; `flow resume` goes on.
    #[arg(long)]
    pub no_wait: bool,
    /// Run against a world of its own on this machine: no account, no input, nothing to pay.
    #[arg(long)]
    pub rehearse: bool,
    /// How many times faster time runs in a rehearsal.
    #[arg(long, default_value_t = world::SPEED_DEFAULT, requires = "rehearse", value_name = "FACTOR")]
    pub speed: f64,
    /// After a rehearsal, tear down what it made.
    #[arg(long, requires = "rehearse")]
    pub teardown: bool,
}

/// Checks, shows, asks, executes, watches.
pub async fn run(global: &Global, arguments: RunArguments) -> Result<Exit, CliError> {
    if global.output == Output::Json {
        say!("{}", json::version());
    }
    let plan = Plan::make(&arguments)?;
    plan.check()?;
    if !arguments.rehearse && !arguments.plan {
        consent::can_be_had(&arguments)?;
    }
    if !arguments.rehearse {
        let caller = match plan.acts_on_aws() {
            true => Some(caller(global, &plan).await?),
            false => None,
        };
        plan.show(global, caller.as_ref());
    }
    if arguments.plan {
        return Ok(Exit::Success);
    }
    if !arguments.rehearse {
        consent::ask(&plan, &arguments)?;
    }
    let place = if arguments.rehearse { Place::rehearsals(global)? } else { Place::real(global)? };
    let environment = environment(global, &place, &arguments, &plan).await?;
    let exit = execute(global, &place, &arguments, plan, environment).await?;
    if arguments.rehearse
        && exit == Exit::Success
        && let Some(teardown) = teardown_of(&arguments)
        && consent::tear_down(&arguments, global)?
    {
        return Box::pin(run(global, teardown)).await;
    }
    Ok(exit)
}

async fn caller(global: &Global, plan: &Plan) -> Result<Value, CliError> {
    let region = plan.input["region"].as_str().or(global.region.as_deref());
    environments::caller(global.profile.as_deref(), region).await.map_err(|error| {
        let hint =
            error.hint.clone().unwrap_or_else(|| "name a profile with --profile, or run `aws sso login`".to_owned());
        CliError::refused(format!("no usable AWS credentials; nothing was changed: {error}")).hint(hint)
    })
}

/// The run that takes away what this one makes, where there is a workflow for it.
fn teardown_of(arguments: &RunArguments) -> Option<RunArguments> {
    let workflow = workflows::find(&format!("{}-teardown", arguments.workflow))?.name.to_owned();
    Some(RunArguments { workflow, input: None, set: Vec::new(), id: None, teardown: false, ..arguments.clone() })
}

async fn environment(
    global: &Global,
    place: &Place,
    arguments: &RunArguments,
    plan: &Plan,
) -> Result<Pinned, CliError> {
    if !arguments.rehearse {
        let region = plan.input["region"].as_str().map(str::to_owned).or_else(|| global.region.clone());
        return Ok(Pinned::Aws { profile: global.profile.clone(), region });
    }
    let say = |line: &str| {
        if global.output == Output::Human {
            eprintln!("{line}");
        }
    };
    let world = world::ensure(place, arguments.speed, &say).await?;
    say(&format!(
        "Rehearsal: an AWS API, DNS, SSH and HTTPS on this machine only. Time runs {} times faster; times below are the workflow's.",
        world.speed
    ));
    Ok(Pinned::Rehearsal { world: world.id })
}

async fn execute(
    global: &Global,
    place: &Place,
    arguments: &RunArguments,
    plan: Plan,
    environment: Pinned,
) -> Result<Exit, CliError> {
    let prefix = if place.rehearsal { REHEARSAL_PREFIX } else { "" };
    let id = arguments.id.clone().unwrap_or_else(|| ids::new_id(prefix, &plan.name));
    if place.rehearsal && !id.starts_with(REHEARSAL_PREFIX) {
        return Err(CliError::refused(format!("the id of a rehearsal begins with {REHEARSAL_PREFIX}")));
    }
    let mut session = Session::open(place).await?;
    let start = Start {
        id: id.clone(),
        workflow: plan.name,
        subject: plan.subject,
        environment: serde_json::to_value(environment).map_err(|error| CliError::refused(error.to_string()))?,
        definition: plan.definition,
        input: plan.input,
    };
    let watched = match session.call::<_, ExecutionHeader>("Flow.Start", &start).await {
        Ok(_) => watch(global, place, &mut session, &id, Watch { no_wait: arguments.no_wait }).await,
        Err(error) => Err(error),
    };
    session.close().await;
    let watched = watched?;
    if global.output == Output::Human {
        show_made(place, arguments, &watched.view, watched.exit);
    }
    Ok(watched.exit)
}

fn show_made(place: &Place, arguments: &RunArguments, view: &crate::ui::view::View, exit: Exit) {
    if exit == Exit::Interrupted || exit == Exit::Waiting {
        say!("Nothing is lost. Go on with   flow resume {}", view.id);
        return;
    }
    if exit != Exit::Success {
        return;
    }
    let table = summary::table(view);
    if place.rehearsal && !table.is_empty() {
        say!();
        table.iter().for_each(|row| say!("{row}"));
    }
    if let Some(Value::Object(output)) = &view.output {
        say!();
        show_output(output, 2);
    }
    if let Some(teardown) = teardown_of(arguments).filter(|_| place.rehearsal && !arguments.teardown) {
        say!("\nTear it down with   flow run {} --rehearse", teardown.workflow);
    }
}

fn show_output(output: &serde_json::Map<String, Value>, indent: usize) {
    for (name, value) in output {
        match value {
            Value::Null => {}
            Value::Object(inner) => {
                say!("{:indent$}{name}:", "");
                show_output(inner, indent + 2);
            }
            Value::String(text) => say!("{:indent$}{name}: {text}", ""),
            other => say!("{:indent$}{name}: {other}", ""),
        }
    }
}

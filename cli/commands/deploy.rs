//! `flow deploy`.

mod concurrent;
mod removal;
mod shown;
pub(super) mod size;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use clap::{Args, ValueEnum};
use deploy::{
    CompileOptions, Compiled,
    plan::{self, DeploymentChange, LogLevel, Wanted},
};
use engine::{
    asl::{self, Diagnostic},
    step::{ChangeAction, StepError, error_names::INTEGRATION_WITHOUT_STEP},
};
use serde_json::{Value, json};
use steps::{
    Environment,
    step_functions::{DefinitionProblem, Endpoint, StepFunctions},
};

use self::shown::{ChangeProgress, DeployOutcome, finish, is_quiet, print, show};
use super::check;
use crate::{
    checks,
    deployment::{Cloud, DeploymentSource, needs_environment},
    environments,
    exit::{CliError, Exit, then_repeat},
    global::{Global, WHERE},
    person::question::{self, Asked},
    proposed,
    shell::quote_word,
    step_functions,
    target::{self, endpoint},
    ui::{json, text::counted},
};

/// The longest name of a role without the prefix that deployments add (IAM and STS quotas).
const NAME_CHARACTERS_MAX: usize = 59;
/// The role of a state machine at a `flow serve`, which assumes none.
const ROLE_OF_SERVER: &str = "arn:aws:iam::111111111111:role/flow";
/// HeartbeatSeconds of Tasks without that field.
pub const HEARTBEAT_SECONDS_DEFAULT: u64 = 60;
/// The most HeartbeatSeconds of a Task (Amazon States Language, "Task").
const HEARTBEAT_SECONDS_MAX: u64 = 99_999_999;

/// Arguments of `flow deploy`.
#[derive(Debug, Args)]
pub struct DeployArguments {
    /// A workflow's name, a definition file (JSON or YAML), or `-` for standard input. With --remove also the state machine's name or
    /// ARN.
    workflow: String,
    /// Replace a placeholder `${NAME}` in the text; or a file of names with values.
    #[arg(long, value_name = "NAME=VALUE|FILE")]
    substitute: Vec<String>,
    /// The engine to deploy to.
    #[arg(long, value_enum, default_value = "sfn", help_heading = WHERE)]
    engine: Engine,
    /// The Step Functions API: `aws`, or the URL of a `flow serve`; default AWS_ENDPOINT_URL_STEPFUNCTIONS, then `aws`.
    #[arg(long, value_name = "aws|URL", help_heading = WHERE)]
    endpoint: Option<String>,
    /// The state machine's name; default the workflow's or the file's.
    #[arg(long)]
    name: Option<String>,
    /// The ARN of the state machine's role, or `create` for one with the least permissions; default `create`, except at a
    /// `flow serve`, which uses no role.
    #[arg(long, value_name = "ARN|create")]
    role_arn: Option<String>,
    /// What Step Functions logs; default `error` with a role that is created, and `off` with a given one.
    #[arg(long, value_enum)]
    log_level: Option<LogLevelArgument>,
    /// HeartbeatSeconds of Tasks without that field: how long a worker may be silent before another one gets its task. Default: what
    /// is deployed, and 60 for a first deployment.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=HEARTBEAT_SECONDS_MAX))]
    heartbeat: Option<u64>,
    /// Show what would change, and change nothing.
    #[arg(long, conflicts_with = "yes")]
    plan: bool,
    /// Delete what was deployed under the name of this workflow, file or state machine, or under --name. With --engine
    /// sfn its executions are then neither shown nor resumed; at a flow serve, until the name is deployed again.
    #[arg(long, conflicts_with = "template")]
    remove: bool,
    /// Print a template for another tool instead of deploying; no service is called.
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    template: Option<Template>,
    /// Change without asking.
    #[arg(long, short)]
    yes: bool,
}

/// An engine other than flow's own.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Engine {
    /// AWS Step Functions.
    Sfn,
}

/// The log level.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogLevelArgument {
    /// Nothing.
    Off,
    /// Failures.
    Error,
    /// Every event.
    All,
}

impl DeployArguments {
    /// Whether standard output is a file for another program, and nothing else.
    pub fn prints_file(&self) -> bool {
        self.template.is_some()
    }
}

/// The format of a template.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Template {
    /// AWS CloudFormation, JSON.
    Cloudformation,
    /// Terraform, in its JSON syntax.
    Terraform,
}

/// Deploys a workflow. A repeated deployment changes only what differs.
pub async fn run(global: &Global, arguments: DeployArguments) -> Result<Exit, CliError> {
    let Engine::Sfn = arguments.engine;
    target::remember(arguments.endpoint.as_deref());
    let steps = environments::described().map_err(error_before_changes)?;
    let (definition, text) = match removal::is_by_name(&arguments) {
        true => (Ok(removal::placeholder()), None),
        false => check::read(&arguments.workflow, &arguments.substitute)?,
    };
    let definition = match definition {
        Ok(definition) => definition,
        Err(problems) => return Ok(check::show(global, &problems, &arguments.workflow, text.as_ref())),
    };
    let name = name(&arguments)?;
    let is_server = arguments.template.is_none() && is_server(global, &arguments).await?;
    let options = CompileOptions {
        heartbeat_seconds: arguments.heartbeat.unwrap_or(HEARTBEAT_SECONDS_DEFAULT),
        server_asks: is_server,
    };
    let source = DeploymentSource { definition: &definition, steps, options };
    let compiled = match compile(&source) {
        Ok(compiled) => compiled,
        Err(problems) => return Ok(check::show(global, &problems, &arguments.workflow, text.as_ref())),
    };
    let role_arn = role_arn(&arguments, is_server);
    let log_level = log_level(arguments.log_level, role_arn.is_some());
    let wanted = Wanted { name, compiled, role_arn, log_level };
    if let Some(template) = arguments.template {
        let template = match template {
            Template::Cloudformation => deploy::cloudformation(&wanted),
            Template::Terraform => deploy::terraform(&wanted),
        };
        say_raw!("{}", json::escaped(serde_json::to_string_pretty(&template).unwrap_or_default()));
        return Ok(Exit::Success);
    }
    let warn = |warnings: &[Diagnostic]| {
        if !arguments.remove && !is_quiet(global) {
            check::show(global, warnings, &arguments.workflow, text.as_ref());
        }
    };
    warn(&wanted.compiled.warnings);
    deploy(global, &arguments, &source, warn, wanted).await
}

/// Compiles a definition that workers can run.
///
/// # Errors
/// Every problem at once, of the definition and of its deployment.
fn compile(source: &DeploymentSource<'_>) -> Result<Compiled, Vec<Diagnostic>> {
    // Workers run the steps, so arguments of steps must be valid.
    let DeploymentSource { definition, steps, .. } = source;
    let problems = checks::problems(definition, steps).into_iter().filter(checks::is_wrong_at_step_functions);
    match source.compile(&Default::default()) {
        Ok(compiled) => {
            let problems: Vec<_> = problems.collect();
            if problems.is_empty() { Ok(compiled) } else { Err(problems) }
        }
        Err(mut found) => {
            // `checks` has them with suggestions, and leaves out those that follow from others.
            let of_language = asl::check(definition, &|resource| environments::is_known(steps, resource));
            found.retain(|problem| !of_language.contains(problem));
            Err(problems.chain(found).collect())
        }
    }
}

/// Whether the service at the endpoint is a `flow serve`, which has no AWS beside it.
async fn is_server(global: &Global, arguments: &DeployArguments) -> Result<bool, CliError> {
    let endpoint = endpoint(global, arguments.endpoint.as_deref())?;
    match endpoint {
        Endpoint::Aws { .. } => Ok(false),
        Endpoint::Url { .. } => {
            let states = StepFunctions::connect(&endpoint).await.map_err(error_before_changes)?;
            states.is_flow_serve().await.map_err(error_before_changes)
        }
    }
}

/// The error of a call before the first change. A service that cannot be reached has the same exit code as for every command.
fn error_before_changes(error: StepError) -> CliError {
    let refused = step_functions::service_error(error);
    // The name of the workflow is not the name of an execution: a resource that is missing is a refusal.
    let exit = if refused.exit == Exit::Unreachable { Exit::Unreachable } else { Exit::Refused };
    CliError { exit, ..refused }
}

/// The error of a change. Earlier changes were made.
fn interrupted_error(error: StepError) -> CliError {
    let repair = then_repeat(error.hint.as_deref().unwrap_or("Fix the cause"));
    CliError::new(Exit::Failed, error.to_string()).hint(format!("earlier changes remain. {repair}: it continues"))
}

fn name(arguments: &DeployArguments) -> Result<String, CliError> {
    let removed = removal::is_by_name(arguments).then(|| removal::reference(arguments)).transpose()?;
    let file = std::path::Path::new(&arguments.workflow).file_name().and_then(|name| name.to_str());
    let of_file = file.unwrap_or_default().split('.').next().unwrap_or_default();
    // `flow run` searches the state machine of a file under the same name.
    let of_file = || if of_file.is_empty() { String::new() } else { api::flow::state_machine_name(of_file) };
    let name = arguments.name.clone().or(removed.map(|machine| machine.name)).unwrap_or_else(of_file);
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.len() <= NAME_CHARACTERS_MAX && name.chars().all(is_allowed) && !name.starts_with('-') {
        return Ok(name);
    }
    Err(CliError::refused(format!(
        "'{name}' cannot name a state machine and its role: 1 to {NAME_CHARACTERS_MAX} letters, digits, - and _, \
         of which - is not the first"
    ))
    .hint("give another name with --name NAME"))
}

/// The ARN of the role; `None` creates one. A `flow serve` stores the ARN and assumes no role, so a deployment to its URL
/// asks nothing of AWS.
fn role_arn(arguments: &DeployArguments, is_server: bool) -> Option<String> {
    match arguments.role_arn.as_deref() {
        Some("create") => None,
        Some(arn) => Some(arn.to_owned()),
        None => is_server.then(|| ROLE_OF_SERVER.to_owned()),
    }
}

fn log_level(given: Option<LogLevelArgument>, role_is_given: bool) -> LogLevel {
    match given {
        Some(LogLevelArgument::Off) => LogLevel::Off,
        Some(LogLevelArgument::Error) => LogLevel::Error,
        Some(LogLevelArgument::All) => LogLevel::All,
        // A given role may lack the permission to write logs.
        None if role_is_given => LogLevel::Off,
        None => LogLevel::Error,
    }
}

/// Connects to the services. Connects to IAM and CloudWatch Logs only if they are needed, because they require AWS
/// credentials.
async fn connect(global: &Global, arguments: &DeployArguments, wanted: &Wanted) -> Result<(Cloud, Value), CliError> {
    let endpoint = endpoint(global, arguments.endpoint.as_deref())?;
    let states = StepFunctions::connect(&endpoint).await.map_err(error_before_changes)?;
    let is_aws = matches!(endpoint, Endpoint::Aws { .. });
    if !is_aws && !needs_environment(wanted.role_arn.as_deref(), wanted.log_level) {
        return Ok((Cloud { states, environment: None }, Value::Null));
    }
    let environment = Environment::for_aws(global.profile.as_deref(), global.region.as_deref()).await;
    let environment = Arc::new(environment.map_err(error_before_changes)?);
    let identity = environment.identity().await.map_err(error_before_changes)?;
    let caller = json!({ "account": identity.account, "arn": identity.arn, "region": identity.region });
    Ok((Cloud { states, environment: Some(environment) }, caller))
}

/// Asks the service whether it can run the definition.
///
/// # Errors
/// The service refuses the definition, or is a `flow serve` that has no step for an integration: it only warns of one.
async fn validate(cloud: &Cloud, wanted: &Wanted) -> Result<(), CliError> {
    let found = cloud.states.validate(&wanted.compiled.definition.to_string()).await.map_err(error_before_changes)?;
    let lines_of = |found: Vec<&DefinitionProblem>| {
        found.into_iter().map(|problem| format!("\n  {}", problem.text)).collect::<String>()
    };
    let errors: Vec<_> = found.iter().filter(|problem| problem.is_error).collect();
    if !errors.is_empty() {
        return Err(CliError::refused(format!("Step Functions refuses the definition:{}", lines_of(errors))));
    }
    let without_step: Vec<_> = found.iter().filter(|problem| problem.code == INTEGRATION_WITHOUT_STEP).collect();
    match without_step.is_empty() {
        true => Ok(()),
        false => Err(CliError::refused(format!(
            "the flow serve cannot run the definition; nothing was changed:{}",
            lines_of(without_step)
        ))
        .hint("flow steps   lists the integrations that it runs; AWS runs all")),
    }
}

async fn deploy(
    global: &Global,
    arguments: &DeployArguments,
    source: &DeploymentSource<'_>,
    warn: impl Fn(&[Diagnostic]),
    mut wanted: Wanted,
) -> Result<Exit, CliError> {
    let (cloud, caller) = connect(global, arguments, &wanted).await?;
    let mut found = cloud.find(&wanted).await.map_err(error_before_changes)?;
    let kept_heartbeat = kept_heartbeat(arguments, source.definition, &found);
    let source = &source.with_heartbeat(kept_heartbeat);
    if let Ok(compiled) = source.compile(&found.activities) {
        wanted.compiled = compiled;
    }
    let exists = |arn: &str| found.activities.values().chain(found.others.values()).any(|found| found == arn);
    warn(&checks::activities::missing_at_service(source.definition, exists));
    let (changes, kept) = match arguments.remove {
        true => removal::changes(arguments, &cloud, &wanted, &mut found).await?,
        false => {
            validate(&cloud, &wanted).await?;
            let changes = plan::changes(&wanted, &found);
            let changes = changes.map_err(|conflict| CliError::from(conflict).hint(another_name(arguments)))?;
            (changes, unneeded(&wanted, &found))
        }
    };
    // After the refusals of the plan: a person is not asked to agree to a deployment that is refused.
    if !arguments.plan && !arguments.yes {
        question::can_ask(Asked::Change, "--yes changes without asking, --plan shows what would change")?;
    }
    // A person who is asked must see the plan.
    if !is_quiet(global) || arguments.plan || !arguments.yes {
        show(global, &wanted, &caller, &changes, &kept, kept_heartbeat, arguments.remove);
    }
    let changed = changes.iter().filter(|change| change.action != ChangeAction::Unchanged).count();
    if arguments.plan || changed == 0 {
        return Ok(finish(
            global,
            found.machine.map(|machine| machine.arn),
            if arguments.plan { DeployOutcome::Plan } else { DeployOutcome::Kept },
            &wanted.name,
            None,
        ));
    }
    if !arguments.yes {
        question::consent(Asked::Change, format!("Change {}? [y/N] ", counted(changed, "resource"))).await?;
    }
    let name = wanted.name.clone();
    proposed::remember_worker_variables(|| checks::worker_variables(source.definition));
    // Without a step of flow, no worker is needed.
    let worker = proposed::worker_command().filter(|_| !wanted.compiled.activities.is_empty());
    let mut made = |change: &DeploymentChange| print(global, ChangeProgress::Made, change);
    if arguments.remove {
        let removed = cloud.remove(&wanted, &found, &changes, &mut made).await;
        removed.map_err(|error| removal::removal_error(arguments, &name, error))?;
        return Ok(finish(global, None, DeployOutcome::Removed, &name, None));
    }
    let arn = concurrent::apply(arguments, &cloud, source, wanted, found, &changes, &mut made).await?;
    Ok(finish(global, Some(arn), DeployOutcome::Deployed, &name, worker))
}

/// The hint if a resource with the requested name was not created by this deployment.
fn another_name(arguments: &DeployArguments) -> String {
    let file = quote_word(&arguments.workflow);
    format!(
        "--name NAME deploys under another name. A flow serve also serves a state machine for each workflow that flow run \
         started in its home: flow run {file}, without --engine, runs that one"
    )
}

/// HeartbeatSeconds that were given to an earlier deployment, if they are not the default: without the option they are kept.
fn kept_heartbeat(arguments: &DeployArguments, definition: &Value, found: &plan::ExistingResources) -> Option<u64> {
    if arguments.heartbeat.is_some() || arguments.remove {
        return None;
    }
    let deployed: Value = serde_json::from_str(&found.machine.as_ref()?.definition).ok()?;
    let seconds = deploy::deployed_heartbeat(&deployed, definition, HEARTBEAT_SECONDS_DEFAULT);
    (seconds != HEARTBEAT_SECONDS_DEFAULT).then_some(seconds)
}

/// The activities that a deployment does not need any more and keeps, with the reason.
fn unneeded(wanted: &Wanted, found: &plan::ExistingResources) -> BTreeMap<String, String> {
    let why = "this definition does not need it; executions of earlier versions may, and --remove deletes it";
    plan::unneeded(wanted, found).into_iter().map(|name| (name.to_owned(), why.to_owned())).collect()
}

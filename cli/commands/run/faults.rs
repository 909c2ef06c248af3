//! `flow run --rehearse --fault`.

use std::{collections::BTreeSet, convert::Infallible, time::Duration};

use engine::{
    spelling::{did_you_mean, nearest},
    step::Registry,
};
use rehearsal::{DATABASE_STATUSES, InjectedFault, World};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::{Value, json};

use crate::{
    checks::state_names,
    definition::policy,
    exit::CliError,
    global::{Global, Output},
    home::Home,
    owner::Handle,
    ui::{block, json},
};

/// The interval between checks whether the state of a `kill@STATE` was entered.
const CHECK_INTERVAL: Duration = Duration::from_millis(10);
/// The resource that starts a nested execution, whose definition may make any call.
const NESTED: &str = "states:startExecution";

/// Parses one fault.
///
/// # Errors
/// The text is not a fault.
pub fn parse(text: &str) -> Result<InjectedFault, String> {
    let fault: InjectedFault = text.parse()?;
    if let InjectedFault::Order(order) = &fault
        && order["operation"] == "rds:database"
        && let Some(status) = order["value"].as_str().filter(|status| !DATABASE_STATUSES.contains(status))
    {
        let near = did_you_mean(nearest(status, DATABASE_STATUSES));
        return Err(format!("'{status}' is no status of a database in RDS{near}"));
    }
    Ok(fault)
}

/// Refuses faults that cannot occur in a run of these definitions: calls that no step makes, and states that do not
/// exist.
///
/// # Errors
/// The first such fault, with the nearest call, service or state.
pub fn check(faults: &[InjectedFault], definitions: &[&Value], steps: &Registry) -> Result<(), CliError> {
    let actions = definitions.iter().flat_map(|definition| policy::actions_of(definition, steps));
    let calls: BTreeSet<String> = actions.map(|action| operation_of(&action)).collect();
    let states: BTreeSet<String> = definitions.iter().flat_map(|definition| state_names(definition)).collect();
    if by_kind(faults).1.len() > 1 {
        return Err(CliError::usage("kill@ can be given once: the first one ends this process"));
    }
    let is_nested = definitions.iter().any(|definition| definition.to_string().contains(NESTED));
    for fault in faults {
        match fault {
            InjectedFault::KillAt(state) if !states.contains(state) => {
                let near = did_you_mean(nearest(state, states.iter().map(String::as_str)));
                return Err(CliError::usage(format!("kill@{state}: no state has this name{near}")));
            }
            // The definition of a nested execution may make other calls.
            InjectedFault::Order(order) if !is_nested => {
                check_call(order, &calls).map_err(CliError::usage)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_call(order: &Value, calls: &BTreeSet<String>) -> Result<(), String> {
    let wanted = order["operation"].as_str().unwrap_or_default();
    let text = order["fault"].as_str().unwrap_or(wanted);
    let services: BTreeSet<&str> = calls.iter().filter_map(|call| call.split(':').next()).collect();
    let service = wanted.split(':').next().unwrap_or_default();
    if !services.iter().any(|known| is_match(service, known)) {
        let near = did_you_mean(nearest(service, services));
        return Err(format!("{text}: the workflow never calls the service '{service}'{near}"));
    }
    let is_condition = order["kind"] == "condition";
    if is_condition || calls.iter().any(|call| is_match(wanted, call)) {
        return Ok(());
    }
    let near = did_you_mean(nearest(wanted, calls.iter().map(String::as_str)));
    Err(format!("{text}: the workflow never calls {wanted}{near}"))
}

/// The gateway's name of the call with this IAM action.
fn operation_of(action: &str) -> String {
    action.replacen("elasticloadbalancing:", "elbv2:", 1)
}

/// Whether a text matches a pattern in which `*` is any text.
fn is_match(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    (0..=text.len()).any(|at| text.get(at..).is_some_and(|end| is_match(rest, end)))
}

/// Ends the faults of this command, and names those that never occurred.
pub async fn end(global: &Global, home: &Home, faults: &[InjectedFault]) {
    name_never_occurred(global, home, faults).await;
    if let Some(world) = World::read(home.folder()).ok().flatten() {
        // Without an answer the world has ended, and its faults with it.
        let _ = world.disarm().await;
    }
}

/// Names the faults that never occurred. Without an answer of the world nothing is known.
async fn name_never_occurred(global: &Global, home: &Home, faults: &[InjectedFault]) {
    let Some(world) = World::read(home.folder()).ok().flatten() else { return };
    let Ok(not_occurred) = world.never_occurred().await else { return };
    let never: Vec<String> = faults.iter().filter_map(|fault| text_if_not_occurred(fault, &not_occurred)).collect();
    if never.is_empty() {
        return;
    }
    let message = format!("never occurred: {}", never.join(", "));
    match global.output {
        Output::Json => json::print(json!({ "type": "faults", "neverOccurred": never, "message": message })),
        Output::Human => report!("Faults that {message}"),
    }
}

fn text_if_not_occurred(fault: &InjectedFault, not_occurred: &[String]) -> Option<String> {
    match fault {
        InjectedFault::Order(order) => {
            order["fault"].as_str().filter(|text| not_occurred.iter().any(|one| one == text)).map(str::to_owned)
        }
        // A kill that occurred would have ended this process.
        InjectedFault::KillAt(state) => Some(format!("kill@{state}")),
    }
}

/// The orders to the world, and the states at which this process ends.
fn by_kind(faults: &[InjectedFault]) -> (Vec<Value>, Vec<&str>) {
    let (mut orders, mut killed_at) = (Vec::new(), Vec::new());
    for fault in faults {
        match fault {
            InjectedFault::Order(order) => orders.push(order.clone()),
            InjectedFault::KillAt(state) => killed_at.push(state.as_str()),
        }
    }
    (orders, killed_at)
}

/// Sends the faults to the world, which injects them.
///
/// # Errors
/// The world does not answer.
pub async fn order(world: &World, faults: &[InjectedFault]) -> Result<(), CliError> {
    let (orders, _) = by_kind(faults);
    if orders.is_empty() {
        return Ok(());
    }
    world.order(&orders).await.map_err(|error| CliError::refused(error.to_string()))
}

/// Kills this process, without cleaning up, when a state of a `kill@STATE` is entered. Never returns.
pub async fn kill_at(global: &Global, handle: &Handle, id: &str, faults: &[InjectedFault]) -> Infallible {
    let (orders, states) = by_kind(faults);
    if states.is_empty() {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(CHECK_INTERVAL).await;
        let Ok(described) = handle.describe(id, false).await else { continue };
        // A state that exited between two checks counts as entered.
        if described.view.states.values().any(|entered| states.contains(&entered.name.as_str())) {
            block::leave();
            let others: Vec<_> = orders.iter().cloned().map(InjectedFault::Order).collect();
            name_never_occurred(global, handle.home(), &others).await;
            // As with kill -9; without the permission to send the signal, the process ends all the same.
            let _ = kill_process(getpid(), Signal::KILL);
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::environments;

    fn problem(text: &str) -> String {
        let definition = workflows::find("endpoints-aws").unwrap().definition().unwrap();
        let faults = parse(text).map(|fault| vec![fault]);
        let steps = environments::described().unwrap();
        match faults {
            Ok(faults) => check(&faults, &[&definition], steps).err().map_or_else(String::new, |error| error.message),
            Err(problem) => problem,
        }
    }

    #[test]
    fn a_fault_that_can_never_occur_is_refused_with_the_nearest_one_that_can() {
        for (text, said) in [
            ("foo:Bar=lost", "never calls the service 'foo'"),
            ("ec2:CreateVpx=lost", "did you mean 'ec2:CreateVpc'?"),
            ("ecz:CreateCluster=lost", "did you mean 'ec2'?"),
            ("kill@Nonsense", "no state has this name"),
            ("kill@Create the databse", "did you mean 'Create the database'?"),
            ("rds:database=storage-ful", "did you mean 'storage-full'?"),
        ] {
            assert!(problem(text).contains(said), "{text}: {}", problem(text));
        }
        for text in [
            "*:role=first-use",
            "rds:*=throttle*2",
            "*=delay",
            "elasticloadbalancing:CreateListener=denied",
            "iam:PassRole=denied",
            "ecs:service=rollback",
            "ecs:service=healthy",
            "ec2:ssh=unreachable",
            "kill@Create the database",
            "route53:zone=not-delegated",
        ] {
            assert_eq!(problem(text), "", "{text}");
        }
    }

    /// The README lists each fault of the help with what an operator sees.
    #[test]
    fn the_drills_of_endpoints_aws_use_every_fault_of_the_help() {
        let readme = include_str!("../../../workflows/endpoints-aws/README.md");
        let drills = readme.split("## Drills").nth(1).unwrap();
        let lines = rehearsal::FAULTS.lines().filter_map(|line| line.strip_prefix("  "));
        for fault in lines.filter_map(|line| line.split_whitespace().next()).filter(|fault| *fault != "kill@STATE") {
            let (what, kind) = fault.split_once('=').unwrap();
            let kind = match kind {
                "CODE" => "VpcLimitExceeded",
                "STATUS" => "storage-full",
                kind => kind,
            };
            let operation = what.trim_start_matches("SERVICE:");
            let is_used = drills.contains(&format!("={kind}")) || drills.contains(&format!("`{kind}`"));
            assert!(is_used && (operation == "OPERATION" || drills.contains(operation)), "{fault} is in no drill");
        }
        assert!(drills.contains("`kill@"));
    }

    #[test]
    fn faults_are_orders_to_the_world_or_end_this_process() {
        let faults = ["ec2:CreateVpc=lost", "kill@Preflight", "*=delay"].map(|text| parse(text).unwrap());
        let (orders, killed_at) = by_kind(&faults);
        assert_eq!((orders.len(), killed_at), (2, vec!["Preflight"]));
    }

    #[test]
    fn a_second_kill_is_refused_because_it_cannot_occur() {
        let definition = workflows::find("endpoints-aws").unwrap().definition().unwrap();
        let faults = ["kill@Create the database", "kill@Preflight"].map(|text| parse(text).unwrap());
        let refused = check(&faults, &[&definition], environments::described().unwrap()).unwrap_err();
        assert!(refused.message.contains("given once"), "{}", refused.message);
    }
}

//! A saved plan: the output of `flow run … --plan -o json`, which `--plan-file` applies or refuses.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use steps::plan::PlannedChange;

use super::{Refusal, WorkflowPlan};
use crate::exit::CliError;

/// The most differences that a refusal names.
const NAMED_MAX: usize = 10;

/// The part of a plan that must be the same when it is applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedPlan {
    /// The workflow's name.
    pub workflow: String,
    /// The definition's hash. Another version of flow may have another definition.
    pub definition: String,
    /// The input, with its defaults.
    pub input: Value,
    /// The account's digits; `None` in a rehearsal.
    pub account: Option<String>,
    /// The region's name.
    pub region: String,
    /// Every change.
    pub changes: Vec<PlannedChange>,
    /// Why the run would fail, if it would.
    pub refusal: Option<Refusal>,
}

impl SavedPlan {
    /// Reads a file of JSON values, or standard input for `-`, of which one is the plan. Their layout does not matter.
    ///
    /// # Errors
    /// The file cannot be read, contains no plan or several, or contains one that was refused.
    pub fn read(file: &str) -> Result<Self, CliError> {
        let text = if file == "-" { standard_input() } else { workflows::read_text_file(file) };
        let text = text.map_err(|error| CliError::refused(format!("the plan file {file} cannot be read: {error}")))?;
        let unreadable =
            |error: serde_json::Error| CliError::refused(format!("the plan in {file} cannot be read: {error}"));
        let mut plans = Vec::new();
        for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
            let value = value.map_err(unreadable)?;
            if value["type"] == "plan" {
                plans.push(value);
            }
        }
        let written = "flow run WORKFLOW --plan -o json > FILE writes one, for workflows whose steps can plan";
        let plan = match plans.len() {
            1 => plans.remove(0),
            0 => return Err(CliError::refused(format!("{file} holds no plan")).hint(written)),
            several => {
                return Err(
                    CliError::refused(format!("{file} holds {several} plans, and one is applied")).hint(written)
                );
            }
        };
        let plan: SavedPlan = serde_json::from_value(plan).map_err(unreadable)?;
        match &plan.refusal {
            Some(refusal) => Err(CliError::refused(format!("the plan in {file} was refused: {}", refusal.cause))),
            None => Ok(plan),
        }
    }

    /// Refuses a current plan that differs from the saved one.
    ///
    /// # Errors
    /// The account, the region, the definition or a change differs. Each difference is named.
    pub fn refuse_other(&self, now: &SavedPlan) -> Result<(), CliError> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, saved: &str, now: &str| {
            if saved != now {
                differences.push(format!("{what}: {saved} in the plan, {now} now"));
            }
        };
        let none = || "none".to_owned();
        compare("account", self.account.as_deref().unwrap_or("none"), &now.account.clone().unwrap_or_else(none));
        compare("region", &self.region, &now.region);
        if self.definition != now.definition {
            differences.push("the workflow is another version".to_owned());
        }
        if let Some(refusal) = &now.refusal {
            differences.push(format!("the run would be refused: {}", refusal.cause));
        }
        differences.extend(only_in(&self.changes, &now.changes, "in the plan"));
        differences.extend(only_in(&now.changes, &self.changes, "now"));
        if differences.is_empty() {
            return Ok(());
        }
        let more = differences.len().saturating_sub(NAMED_MAX);
        differences.truncate(NAMED_MAX);
        if more > 0 {
            differences.push(format!("and {more} more"));
        }
        let message = format!("the plan does not fit any more; nothing was changed\n  {}", differences.join("\n  "));
        Err(CliError::refused(message).hint("make the plan again with --plan -o json"))
    }

    /// The saved form of a current plan.
    pub fn of(identity: (&str, &str), input: &Value, location: (Option<String>, &str), plan: &WorkflowPlan) -> Self {
        SavedPlan {
            workflow: identity.0.to_owned(),
            definition: identity.1.to_owned(),
            input: input.clone(),
            account: location.0,
            region: location.1.to_owned(),
            changes: plan.changes.clone(),
            refusal: plan.refusal.clone(),
        }
    }
}

fn standard_input() -> std::io::Result<String> {
    workflows::read_text(std::io::stdin().lock())
}

/// The changes that only the first plan has, in any order: parallel branches may report in another order.
fn only_in(these: &[PlannedChange], those: &[PlannedChange], word: &str) -> Vec<String> {
    let counted = |changes: &[PlannedChange], wanted: &PlannedChange| {
        changes.iter().filter(|change| is_same(change, wanted)).count()
    };
    let missing = these.iter().filter(|change| counted(these, change) > counted(those, change));
    missing.map(|change| format!("{word}: {}", described(change))).collect()
}

/// Whether two plans make the same change to the same resource. Settings are not compared, because a file does not
/// contain them, nor are costs, which depend on a table of prices.
fn is_same(one: &PlannedChange, other: &PlannedChange) -> bool {
    let other = PlannedChange { settings: one.settings.clone(), cost: one.cost.clone(), ..other.clone() };
    *one == other
}

fn described(change: &PlannedChange) -> String {
    let action = serde_json::to_value(change.action).unwrap_or_default();
    let name = change.name.as_ref().unwrap_or(&change.id);
    let fields = change.fields.iter().map(|field| format!("{}: {} -> {}", field.field, field.from, field.to));
    let fields = fields.collect::<Vec<_>>().join(", ");
    let fields = if fields.is_empty() { fields } else { format!(" ({fields})") };
    format!("{} {} {name}{fields}", action.as_str().unwrap_or_default(), change.resource_type)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use steps::plan::PlannedAction;

    use super::*;

    fn plan(actions: &[(PlannedAction, &str)]) -> SavedPlan {
        let change = |(action, id): &(PlannedAction, &str)| PlannedChange {
            action: *action,
            resource_type: "AWS::EC2::VPC".to_owned(),
            name: None,
            id: (*id).to_owned(),
            fields: Vec::new(),
            state: "Create VPC".to_owned(),
            cost: Default::default(),
            settings: Value::Null,
        };
        SavedPlan {
            workflow: "endpoints-aws".to_owned(),
            definition: "hash".to_owned(),
            input: json!({}),
            account: None,
            region: "us-east-1".to_owned(),
            changes: actions.iter().map(change).collect(),
            refusal: None,
        }
    }

    #[test]
    fn another_order_is_no_difference_and_another_change_is_named() {
        let (create, unchanged) = (PlannedAction::Create, PlannedAction::Unchanged);
        let saved = plan(&[(create, "vpc-1"), (unchanged, "vpc-2")]);
        assert!(saved.refuse_other(&plan(&[(unchanged, "vpc-2"), (create, "vpc-1")])).is_ok());
        let error = saved.refuse_other(&plan(&[(unchanged, "vpc-1"), (unchanged, "vpc-2")])).unwrap_err();
        assert!(error.message.contains("in the plan: create AWS::EC2::VPC vpc-1"), "{}", error.message);
        let elsewhere = SavedPlan { region: "eu-west-1".to_owned(), ..saved.clone() };
        assert!(saved.refuse_other(&elsewhere).unwrap_err().message.contains("eu-west-1"));
    }

    #[test]
    fn a_file_without_a_plan_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plan.json");
        std::fs::write(&file, "{\"type\":\"version\"}\n").unwrap();
        assert!(SavedPlan::read(file.to_str().unwrap()).unwrap_err().message.contains("holds no plan"));
        let mut line = serde_json::to_value(plan(&[(PlannedAction::Create, "vpc-1")])).unwrap();
        line["type"] = "plan".into();
        std::fs::write(&file, format!("{{\"type\":\"version\"}}\n{line}\n")).unwrap();
        assert_eq!(SavedPlan::read(file.to_str().unwrap()).unwrap(), plan(&[(PlannedAction::Create, "vpc-1")]));
        // Another program may write the same JSON in another layout.
        std::fs::write(&file, serde_json::to_string_pretty(&line).unwrap()).unwrap();
        assert_eq!(SavedPlan::read(file.to_str().unwrap()).unwrap(), plan(&[(PlannedAction::Create, "vpc-1")]));
        std::fs::write(&file, format!("{line}\n{line}\n")).unwrap();
        assert!(SavedPlan::read(file.to_str().unwrap()).unwrap_err().message.contains("holds 2 plans"));
        std::fs::write(&file, "{\"type\":\"plan\"").unwrap();
        assert!(SavedPlan::read(file.to_str().unwrap()).unwrap_err().message.contains("cannot be read"));
    }
}

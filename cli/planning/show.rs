//! Formats a plan for people and for programs.

use serde_json::{Value, json};
use steps::plan::{PlannedAction, PlannedChange, PlannedWait};

use super::{Permissions, WorkflowPlan};
use crate::ui::text::{duration, short_id};

/// The longest reason that is shown, in characters.
const REASON_CHARACTERS_MAX: usize = 60;
/// The most missing actions that are named.
const ACTIONS_NAMED_MAX: usize = 20;

impl WorkflowPlan {
    /// The table of changes, then waits, costs and permissions.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let shown: Vec<_> = self.changes.iter().filter(|change| change.action != PlannedAction::Unchanged).collect();
        let width = shown.iter().map(|change| change.resource_type.len()).max().unwrap_or(0);
        for change in shown {
            lines.push(format!("  {:<8}  {:<width$}  {}", word(change.action), change.resource_type, title(change)));
            let fields = change.fields.iter();
            lines.extend(fields.map(|field| format!("              {}: {} -> {}", field.field, field.from, field.to)));
        }
        lines.push(self.counts());
        lines.extend(self.waits.iter().map(wait));
        lines.extend(self.cost_line());
        lines.extend(permissions(&self.permissions));
        lines.extend(self.refusal.iter().map(|refusal| format!("Refused: {}: {}", refusal.error, refusal.cause)));
        lines
    }

    fn counts(&self) -> String {
        let count = |action| self.changes.iter().filter(|change| change.action == action).count();
        let all = [
            ("to create", PlannedAction::Create),
            ("to adopt", PlannedAction::Adopt),
            ("to update", PlannedAction::Update),
            ("to replace", PlannedAction::Replace),
            ("to delete", PlannedAction::Delete),
            ("unchanged", PlannedAction::Unchanged),
        ];
        let parts = all.iter().map(|(words, action)| (words, count(*action))).filter(|(_, count)| *count > 0);
        let parts: Vec<String> = parts.map(|(words, count)| format!("{count} {words}")).collect();
        if parts.is_empty() { "Plan: nothing to change.".to_owned() } else { format!("Plan: {}.", parts.join(", ")) }
    }

    fn cost_line(&self) -> Option<String> {
        let cost = &self.cost;
        if cost.monthly_usd == 0.0 && cost.unknown.is_empty() {
            return None;
        }
        let difference = cost.monthly_usd_difference;
        let difference = if difference == 0.0 { String::new() } else { format!(" ({difference:+.2})") };
        let unknown = match cost.unknown.len() {
            0 => String::new(),
            _ => {
                let kinds: Vec<&str> = cost.unknown.iter().map(String::as_str).collect();
                format!(", and no price is known for {}", kinds.join(", "))
            }
        };
        Some(format!(
            "Estimated cost: {:.2} USD a month{difference}{unknown}; prices of {} of {}, without traffic and taxes",
            cost.monthly_usd, cost.region, cost.as_of
        ))
    }

    /// The fields that a plan adds to the line of type `plan`.
    pub fn json(&self) -> Value {
        json!({ "changes": self.changes, "waits": self.waits, "cost": self.cost, "permissions": self.permissions,
                "refusal": self.refusal, "summary": self.counts() })
    }
}

fn word(action: PlannedAction) -> &'static str {
    match action {
        PlannedAction::Create => "create",
        PlannedAction::Adopt => "adopt",
        PlannedAction::Update => "update",
        PlannedAction::Replace => "replace",
        PlannedAction::Unchanged => "keep",
        PlannedAction::Delete => "delete",
    }
}

fn title(change: &PlannedChange) -> String {
    let id = short_id(&change.id);
    match &change.name {
        Some(name) if change.id.contains(steps::plan::KNOWN_AFTER_APPLY) || *name == id => name.clone(),
        Some(name) => format!("{name}  {id}"),
        None => id,
    }
}

fn wait(wait: &PlannedWait) -> String {
    let state = wait.state.rsplit('/').next().unwrap_or(&wait.state);
    let reason = wait.reason.as_ref().map_or_else(String::new, |reason| format!(" (now: {})", shortened(reason)));
    let usual = |(least, most): (u32, u32)| {
        let text = |seconds: u32| duration(u64::from(seconds) * 1_000);
        format!(", usually {} to {}", text(least), text(most))
    };
    format!("  wait      {state}{reason}{}", wait.usual_seconds.map(usual).unwrap_or_default())
}

/// Shortens a reason. The JSON has the complete text.
fn shortened(reason: &str) -> String {
    let mut characters = reason.chars();
    let start: String = characters.by_ref().take(REASON_CHARACTERS_MAX).collect();
    if characters.next().is_some() { format!("{start}…") } else { start }
}

fn permissions(permissions: &Permissions) -> Vec<String> {
    let needed = permissions.needed.len();
    if let Some(why) = &permissions.not_checked {
        return vec![format!("Needs {needed} IAM actions (flow policy lists them); not checked: {why}")];
    }
    if permissions.denied.is_empty() {
        return vec![format!("Needs {needed} IAM actions; IAM allows all of them to this identity")];
    }
    let mut lines = vec![format!("Needs {needed} IAM actions; IAM does not allow these to this identity:")];
    let denied = permissions.denied.iter();
    lines.extend(denied.take(ACTIONS_NAMED_MAX).map(|action| format!("  {action}")));
    let more = permissions.denied.len().saturating_sub(ACTIONS_NAMED_MAX);
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::planning::{Cost, Refusal};

    fn change(action: PlannedAction, kind: &str, name: &str, id: &str) -> PlannedChange {
        let (resource_type, name, id) = (kind.to_owned(), Some(name.to_owned()), id.to_owned());
        let (fields, state, settings) = (Vec::new(), "VPC and subnets/Create".to_owned(), Value::Null);
        PlannedChange { action, resource_type, name, id, fields, state, settings }
    }

    #[test]
    fn a_plan_as_people_see_it() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let mut update = change(PlannedAction::Update, "AWS::RDS::DBInstance", "shop-db", "shop-db");
        let (from, to) = ("15".to_owned(), "16".to_owned());
        update.fields.push(steps::plan::Difference { field: "EngineVersion".to_owned(), from, to });
        let plan = WorkflowPlan {
            changes: vec![
                change(PlannedAction::Create, "AWS::EC2::VPC", "shop", steps::plan::KNOWN_AFTER_APPLY),
                change(PlannedAction::Unchanged, "AWS::EC2::Subnet", "shop-1", "subnet-1"),
                update,
                change(PlannedAction::Replace, "AWS::EC2::Instance", "店", "i-0d15ea5e"),
            ],
            waits: vec![PlannedWait {
                state: "PostgreSQL database/Wait until the database is available".to_owned(),
                reason: Some("modifying".to_owned()),
                usual_seconds: Some((300, 900)),
            }],
            cost: Cost {
                monthly_usd: 57.0,
                monthly_usd_difference: 9.5,
                unknown: set(&["AWS::SNS::Topic"]),
                as_of: "2026-07".to_owned(),
                region: "eu-central-1".to_owned(),
            },
            permissions: Permissions {
                needed: set(&["ec2:CreateVpc", "rds:ModifyDBInstance"]),
                denied: set(&["rds:ModifyDBInstance"]),
                not_checked: None,
            },
            refusal: Some(Refusal {
                error: "Flow.Refused".to_owned(),
                cause: "the quota of VPCs is reached".to_owned(),
            }),
        };
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!("plan", plan.lines().join("\n"));
        });
    }
}

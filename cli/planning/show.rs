//! Formats a plan for people and for programs.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use steps::plan::{PlannedAction, PlannedChange, PlannedWait};

use super::{Permissions, Refusal, WorkflowPlan};
use crate::ui::text::{duration, short_id, visible};

/// The longest reason that is shown, in characters.
const REASON_CHARACTERS_MAX: usize = 60;
/// Smaller amounts in US dollars are shown as 0.00.
const HALF_CENT_USD: f64 = 0.005;
/// The most missing actions that are named.
const ACTIONS_NAMED_MAX: usize = 20;

impl WorkflowPlan {
    /// The table of changes, then waits, costs and permissions.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.refusal.iter().map(refusal).collect();
        let shown: Vec<_> = self.changes.iter().filter(|change| change.action != PlannedAction::Unchanged).collect();
        let width = shown.iter().map(|change| change.resource_type.len()).max().unwrap_or(0);
        for change in shown {
            let cost = cost(change).map_or_else(String::new, |cost| format!("  ({cost})"));
            lines.push(format!(
                "  {:<8}  {:<width$}  {}{cost}",
                action_name(change.action),
                change.resource_type,
                title(change)
            ));
            let fields = change.fields.iter();
            lines.extend(fields.map(|field| format!("              {}: {} -> {}", field.field, field.from, field.to)));
        }
        if self.refusal.is_none() || !self.changes.is_empty() {
            lines.push(self.counts());
        }
        lines.extend(self.waits.iter().map(wait));
        lines.extend(self.cost_line());
        lines.extend(self.permission_lines());
        lines.extend(self.stays.iter().map(|text| format!("  stays     {text}")));
        lines.extend(self.notes.iter().map(|text| format!("  note      {text}")));
        lines.iter().map(|line| visible(line)).collect()
    }

    fn counts(&self) -> String {
        let count = |action| self.changes.iter().filter(|change| change.action == action).count();
        let all = [
            ("to create", PlannedAction::Create),
            ("to adopt", PlannedAction::Adopt),
            ("to update", PlannedAction::Update),
            ("to delete", PlannedAction::Delete),
            ("unchanged", PlannedAction::Unchanged),
        ];
        let parts = all.iter().map(|(words, action)| (words, count(*action))).filter(|(_, count)| *count > 0);
        let parts: Vec<String> = parts.map(|(words, count)| format!("{count} {words}")).collect();
        match &self.refusal {
            // The steps after a refusal were not called. Those after a wait that would fail were.
            Some(refusal) => match (refusal.is_before_changes(), parts.is_empty()) {
                (true, true) => "Refused.".to_owned(),
                (true, false) => format!("Refused after these: {}.", parts.join(", ")),
                (false, true) => "Fails.".to_owned(),
                (false, false) => format!("Fails. Without the failure: {}.", parts.join(", ")),
            },
            None if parts.is_empty() => "Plan: nothing to change.".to_owned(),
            None => format!("Plan: {}.", parts.join(", ")),
        }
    }

    fn cost_line(&self) -> Option<String> {
        let cost = &self.cost;
        let difference = cost.monthly_usd_difference.map(|usd| if usd.abs() < HALF_CENT_USD { 0.0 } else { usd });
        let missing: Vec<&str> = cost.unknown.union(&cost.unknown_difference).map(String::as_str).collect();
        if cost.monthly_usd == 0.0 && difference == Some(0.0) && missing.is_empty() {
            return None;
        }
        let least = |unknown: &BTreeSet<String>| if unknown.is_empty() { "" } else { "at least " };
        let estimate = match difference {
            Some(difference) if cost.monthly_usd < HALF_CENT_USD && difference < 0.0 => {
                format!("Estimated saving: {:.2} USD a month", -difference)
            }
            _ => {
                let change = match difference {
                    Some(0.0) => String::new(),
                    Some(difference) => format!(" ({difference:+.2})"),
                    // A sum without some parts could read as a saving.
                    None => " (the difference is not known)".to_owned(),
                };
                format!("Estimated cost: {}{:.2} USD a month{change}", least(&cost.unknown), cost.monthly_usd)
            }
        };
        let missing = match missing.is_empty() {
            true => String::new(),
            false => format!("; no price is known for {}, which the sum leaves out", missing.join(", ")),
        };
        Some(format!("{estimate}{missing}; prices of {} of {}, without traffic and taxes", cost.region, cost.as_of))
    }

    /// The number of actions is the need of the run only if every step of the plan was called.
    fn permission_lines(&self) -> Vec<String> {
        let mut lines = permissions(&self.permissions);
        if self.refusal.is_some() {
            match lines.first_mut().filter(|_| !self.permissions.denied.is_empty()) {
                Some(first) => *first = "IAM does not allow these actions to this identity:".to_owned(),
                None => lines.clear(),
            }
        }
        lines
    }

    /// The fields that a plan adds to the line of type `plan`.
    pub fn json(&self) -> Value {
        json!({ "changes": self.changes, "waits": self.waits, "cost": self.cost, "permissions": self.permissions,
                "refusal": self.refusal, "summary": self.counts(), "notes": self.notes, "stays": self.stays })
    }
}

fn action_name(action: PlannedAction) -> &'static str {
    match action {
        PlannedAction::Create => "create",
        PlannedAction::Adopt => "adopt",
        PlannedAction::Update => "update",
        PlannedAction::Unchanged => "unchanged",
        PlannedAction::Delete => "delete",
    }
}

/// Why the run would not succeed, and how it would end.
fn refusal(refusal: &Refusal) -> String {
    let Refusal { error, cause } = refusal;
    match refusal.is_before_changes() {
        true => format!("Refused: {error}: {cause}"),
        false => format!("The run would start and then fail (exit code 1): {error}: {cause}"),
    }
}

/// The cost of a resource; `None` if it is not billed.
fn cost(change: &PlannedChange) -> Option<String> {
    let cost = &change.cost;
    if !cost.no_price_for.is_empty() {
        let parts = cost.no_price_for.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Some(format!("no price is known for {parts}"));
    }
    match (cost.monthly_usd_now, cost.monthly_usd) {
        (Some(now), None) => Some(format!("ends {now:.2} USD a month")),
        (Some(now), Some(later)) if (now - later).abs() >= HALF_CENT_USD => {
            Some(format!("{later:.2} USD a month, now {now:.2}"))
        }
        (_, later) => later.map(|later| format!("{later:.2} USD a month")),
    }
}

fn title(change: &PlannedChange) -> String {
    let id = short_id(&change.id);
    match &change.name {
        Some(name) if change.id.contains(steps::plan::KNOWN_AFTER_APPLY) || *name == id => name.clone(),
        Some(name) => format!("{name}  {id}"),
        // A link without a name, such as a route: its state says what it links.
        None if change.id.contains(steps::plan::KNOWN_AFTER_APPLY) => last_segment(&change.state).to_owned(),
        None => id,
    }
}

/// The name of a state without the sections that it is in.
fn last_segment(state: &str) -> &str {
    state.rsplit('/').next().unwrap_or(state)
}

fn wait(wait: &PlannedWait) -> String {
    let state = last_segment(&wait.state);
    let reason = wait.reason.as_ref().map_or_else(String::new, |reason| format!(" (now: {})", shortened(reason)));
    let usual = |(least, most): (u32, u32)| {
        let text = |seconds: u32| duration(u64::from(seconds) * 1_000);
        format!(", usually {} to {}", text(least), text(most))
    };
    format!("  wait      {state}{reason}{}", wait.usual_seconds.map(usual).unwrap_or_default())
}

/// Shortens a reason to complete words. The JSON has the complete text.
fn shortened(reason: &str) -> String {
    if reason.chars().count() <= REASON_CHARACTERS_MAX {
        return reason.to_owned();
    }
    let mut start = String::new();
    for word in reason.split_whitespace() {
        if !start.is_empty() && start.chars().count() + word.chars().count() >= REASON_CHARACTERS_MAX {
            break;
        }
        if !start.is_empty() {
            start.push(' ');
        }
        start.push_str(word);
    }
    format!("{start} …")
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
    use super::*;
    use crate::planning::Cost;

    fn change(action: PlannedAction, kind: &str, name: &str, id: &str) -> PlannedChange {
        let (resource_type, name, id) = (kind.to_owned(), Some(name.to_owned()), id.to_owned());
        let (fields, state, settings) = (Vec::new(), "VPC and subnets/Create".to_owned(), Value::Null);
        PlannedChange { action, resource_type, name, id, fields, state, cost: Default::default(), settings }
    }

    #[test]
    fn a_plan_as_people_see_it() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let mut update = change(PlannedAction::Update, "AWS::RDS::DBInstance", "shop-db", "shop-db");
        let (from, to) = ("15".to_owned(), "16".to_owned());
        update.fields.push(steps::plan::SettingDifference { field: "EngineVersion".to_owned(), from, to });
        update.cost.monthly_usd = Some(27.74);
        update.cost.monthly_usd_now = Some(13.87);
        let mut instance = change(PlannedAction::Delete, "AWS::EC2::Instance", "店", "i-0d15ea5e");
        instance.cost.no_price_for = set(&["hours of t3.micro"]);
        let plan = WorkflowPlan {
            changes: vec![
                change(PlannedAction::Create, "AWS::EC2::VPC", "shop", steps::plan::KNOWN_AFTER_APPLY),
                change(PlannedAction::Unchanged, "AWS::EC2::Subnet", "shop-1", "subnet-1"),
                update,
                instance,
            ],
            waits: vec![PlannedWait {
                state: "PostgreSQL database/Wait until the database is available".to_owned(),
                reason: Some("modifying".to_owned()),
                usual_seconds: Some((300, 900)),
            }],
            cost: Cost {
                monthly_usd: 57.0,
                monthly_usd_difference: Some(9.5),
                unknown: set(&["hours of t3.micro"]),
                unknown_difference: BTreeSet::new(),
                as_of: "2026-07".to_owned(),
                region: "eu-central-1".to_owned(),
            },
            permissions: Permissions {
                needed: set(&["ec2:CreateVpc", "rds:ModifyDBInstance"]),
                denied: set(&["rds:ModifyDBInstance"]),
                not_checked: None,
            },
            refusal: None,
            notes: vec!["Alarms are also sent to earlier@example.com.".to_owned()],
            stays: vec!["a record".to_owned()],
        };
        snapshot!("plan", plan.lines().join("\n"));
    }

    fn refused_plan() -> WorkflowPlan {
        let refusal = Refusal { error: "Flow.Refused".to_owned(), cause: "the quota of VPCs is reached".to_owned() };
        WorkflowPlan {
            changes: Vec::new(),
            waits: Vec::new(),
            cost: Cost { monthly_usd_difference: Some(0.0), ..Cost::default() },
            permissions: Permissions { not_checked: Some("a rehearsal".to_owned()), ..Permissions::default() },
            refusal: Some(refusal),
            notes: Vec::new(),
            stays: Vec::new(),
        }
    }

    #[test]
    fn a_refused_plan_says_so_first_and_counts_neither_changes_nor_actions() {
        let plan = refused_plan();
        assert_eq!(plan.lines(), ["Refused: Flow.Refused: the quota of VPCs is reached"]);
        assert_eq!(plan.json()["summary"], "Refused.");
    }

    #[test]
    fn a_plan_whose_run_would_fail_says_that_it_fails_and_not_that_it_is_refused() {
        let refused = Refusal { error: "Flow.Refused".to_owned(), cause: "a".to_owned() };
        let fails = Refusal { error: "Flow.Failed".to_owned(), cause: "the database is failed".to_owned() };
        assert_eq!(refusal(&refused), "Refused: Flow.Refused: a");
        assert!(refusal(&fails).starts_with("The run would start and then fail (exit code 1)"), "{}", refusal(&fails));
    }

    #[test]
    fn nothing_in_a_plan_acts_on_the_terminal() {
        let mut plan = refused_plan();
        plan.changes = vec![change(PlannedAction::Create, "AWS::EC2::VPC", "a\u{1b}[2J\u{202e}b", "vpc-1")];
        plan.notes = vec!["a\u{0}note".to_owned()];
        let lines = plan.lines().join("\n");
        assert!(lines.contains("a\\u{1b}[2J\\u{202e}b") && lines.contains("a\\u{0}note"), "{lines}");
    }

    #[test]
    fn a_difference_without_a_price_is_not_shown_as_a_saving() {
        let mut plan = refused_plan();
        plan.cost = Cost {
            monthly_usd: 3.0,
            monthly_usd_difference: None,
            unknown_difference: BTreeSet::from(["hours of db.z9.huge".to_owned()]),
            ..Cost::default()
        };
        let line = plan.cost_line().unwrap_or_default();
        assert!(line.contains("the difference is not known") && !line.contains("-"), "{line}");
    }

    #[test]
    fn a_reason_is_not_cut_within_a_name() {
        let reason = "the records of endpoints.example.com lead to another-load-balancer.elb.amazonaws.com";
        assert_eq!(shortened(reason), "the records of endpoints.example.com lead to …");
        assert_eq!(shortened("creating"), "creating");
    }
}

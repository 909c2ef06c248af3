//! Estimates the monthly cost of a deployment from a table of prices (`workflows/endpoints-aws/prices.json`), without
//! traffic, taxes, free tiers and discounts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use steps::plan::{Bill, PlannedAction, PlannedChange, Price, Prices, ResourceCost};

/// The cost of a month, as far as the table has prices.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// The cost of everything that exists after the run, in US dollars. The least cost if `unknown` is not empty.
    pub monthly_usd: f64,
    /// The cost after the run minus the cost now, in US dollars; `None` if a part of the difference has no price.
    pub monthly_usd_difference: Option<f64>,
    /// The resources that are billed and have no price for this region in the table, such as `hours of t3.micro`.
    pub unknown: BTreeSet<String>,
    /// The parts of the difference that have no price in the table.
    pub unknown_difference: BTreeSet<String>,
    /// The month of the prices, such as `2026-07`.
    pub as_of: String,
    /// The region of the prices.
    pub region: String,
}

/// The cost of a plan.
pub fn of(changes: &[PlannedChange], region: &str) -> Cost {
    let prices = prices_of(region);
    let (now, later) = (existing_now(changes), existing_later(changes));
    let (cost_now, cost_later) = (bill(&now, &prices, |_| true), bill(&later, &prices, |_| true));
    let mut unknown_difference = bill(&later, &prices, is_changed).missing;
    unknown_difference.append(&mut bill(&now, &prices, is_changed).missing);
    Cost {
        monthly_usd: cost_later.usd,
        monthly_usd_difference: unknown_difference.is_empty().then_some(cost_later.usd - cost_now.usd),
        unknown: cost_later.missing,
        unknown_difference,
        as_of: prices.as_of().to_owned(),
        region: region.to_owned(),
    }
}

/// Sets the cost of every resource of a plan.
pub fn set_costs(changes: &mut [PlannedChange], region: &str) {
    let prices = prices_of(region);
    let (now, later) = (existing_now(changes), existing_later(changes));
    let billed = |change: &PlannedChange, all: &[PlannedChange]| match prices.monthly_usd(change, all) {
        Price::Billed(bill) => Some(bill),
        Price::Free => None,
    };
    for change in changes {
        let before = exists_now(change).then(|| billed(&with_earlier_settings(change), &now)).flatten();
        let after = (change.action != PlannedAction::Delete).then(|| billed(change, &later)).flatten();
        let known = |bill: &Option<Bill>| bill.as_ref().filter(|bill| bill.missing.is_empty()).map(|bill| bill.usd);
        let (monthly_usd, monthly_usd_now) = (known(&after), known(&before));
        let no_price_for = [before, after].into_iter().flatten().flat_map(|bill| bill.missing).collect();
        change.cost = ResourceCost { monthly_usd, monthly_usd_now, no_price_for };
    }
}

fn prices_of(region: &str) -> Prices {
    Prices::new(serde_json::from_str(workflows::PRICES).unwrap_or_default(), region)
}

/// The resources before the run, with their settings of now.
fn existing_now(changes: &[PlannedChange]) -> Vec<PlannedChange> {
    changes.iter().filter(|change| exists_now(change)).map(with_earlier_settings).collect()
}

/// Whether a resource exists before the run. Fields that differ are those of an earlier revision.
fn exists_now(change: &PlannedChange) -> bool {
    change.action != PlannedAction::Create || !change.fields.is_empty()
}

/// The resources after the run.
fn existing_later(changes: &[PlannedChange]) -> Vec<PlannedChange> {
    changes.iter().filter(|change| change.action != PlannedAction::Delete).cloned().collect()
}

fn with_earlier_settings(change: &PlannedChange) -> PlannedChange {
    let mut earlier = change.clone();
    for field in &change.fields {
        if let Some(setting) = earlier.settings.get_mut(&field.field) {
            *setting = value_like(setting, &field.from);
        }
    }
    earlier
}

/// The value of a text, of the same type as another value.
fn value_like(other: &Value, text: &str) -> Value {
    match other {
        Value::String(_) => text.into(),
        Value::Array(_) => text.split(", ").collect::<Vec<_>>().into(),
        _ => serde_json::from_str(text).unwrap_or(Value::Null),
    }
}

fn is_changed(change: &PlannedChange) -> bool {
    !matches!(change.action, PlannedAction::Unchanged | PlannedAction::Adopt)
}

/// The sum for the wanted resources of a plan.
fn bill(changes: &[PlannedChange], prices: &Prices, wanted: impl Fn(&PlannedChange) -> bool) -> Bill {
    let mut sum = Bill::default();
    for change in changes.iter().filter(|change| wanted(change)) {
        if let Price::Billed(mut bill) = prices.monthly_usd(change, changes) {
            sum.usd += bill.usd;
            sum.missing.append(&mut bill.missing);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use steps::plan::SettingDifference;

    use super::*;

    fn change(action: PlannedAction, resource_type: &str, settings: Value) -> PlannedChange {
        PlannedChange {
            action,
            resource_type: resource_type.to_owned(),
            name: None,
            id: "id".to_owned(),
            fields: Vec::new(),
            state: "State".to_owned(),
            cost: ResourceCost::default(),
            settings,
        }
    }

    fn database(multi_az: bool) -> Value {
        json!({ "instanceClass": "db.t4g.micro", "allocatedStorageGib": 20, "storageType": "gp3", "multiAz": multi_az })
    }

    fn difference(cost: &Cost) -> f64 {
        cost.monthly_usd_difference.unwrap_or(f64::NAN)
    }

    #[test]
    fn a_dearer_choice_without_a_price_has_no_difference_and_is_never_a_saving() {
        let mut settings = database(false);
        settings["instanceClass"] = "db.z9.huge".into();
        let mut update = change(PlannedAction::Update, "AWS::RDS::DBInstance", settings);
        let (field, from, to) = ("instanceClass".to_owned(), "db.t4g.micro".to_owned(), "db.z9.huge".to_owned());
        update.fields.push(SettingDifference { field, from, to });
        let mut changes = [update];
        let cost = of(&changes, "us-east-1");
        assert_eq!(cost.monthly_usd_difference, None, "{cost:?}");
        set_costs(&mut changes, "us-east-1");
        let cost = &changes[0].cost;
        assert!(cost.monthly_usd.is_none() && cost.no_price_for.contains("hours of db.z9.huge"), "{cost:?}");
        assert_eq!(cost.monthly_usd_now, Some(0.016 * 730.0 + 20.0 * 0.115));
    }

    #[test]
    fn every_billed_resource_has_its_own_cost_and_a_free_one_has_none() {
        let mut changes = [
            change(PlannedAction::Create, "AWS::RDS::DBInstance", database(false)),
            change(PlannedAction::Create, "AWS::EC2::VPC", Value::Null),
            change(PlannedAction::Delete, "AWS::CloudWatch::Alarm", Value::Null),
        ];
        set_costs(&mut changes, "us-east-1");
        assert_eq!(changes[0].cost.monthly_usd, Some(0.016 * 730.0 + 20.0 * 0.115));
        assert_eq!(changes[1].cost, ResourceCost::default());
        assert_eq!((changes[2].cost.monthly_usd, changes[2].cost.monthly_usd_now), (None, Some(0.10)));
        let written = serde_json::to_value(&changes[0]).unwrap_or_default();
        assert!(written["monthlyUsd"].is_f64() && written.get("monthlyUsdNow").is_none(), "{written}");
    }

    #[test]
    fn a_database_costs_its_hours_and_its_storage_and_a_standby_doubles_it() {
        let of_one = of(&[change(PlannedAction::Create, "AWS::RDS::DBInstance", database(false))], "us-east-1");
        assert!((of_one.monthly_usd - (0.016 * 730.0 + 20.0 * 0.115)).abs() < 1e-9, "{of_one:?}");
        let mut update = change(PlannedAction::Update, "AWS::RDS::DBInstance", database(true));
        let (field, from, to) = ("multiAz".to_owned(), "false".to_owned(), "true".to_owned());
        update.fields.push(SettingDifference { field, from, to });
        let of_two = of(&[update], "us-east-1");
        assert!((of_two.monthly_usd - 2.0 * of_one.monthly_usd).abs() < 1e-9, "{of_two:?}");
        assert!((difference(&of_two) - of_one.monthly_usd).abs() < 1e-9, "{of_two:?}");
        assert_eq!(of_one.monthly_usd_difference, Some(of_one.monthly_usd));
    }

    #[test]
    fn more_storage_costs_more_and_a_deletion_ends_the_cost() {
        let mut update = change(PlannedAction::Update, "AWS::RDS::DBInstance", database(false));
        let (field, from, to) = ("allocatedStorageGib".to_owned(), "10".to_owned(), "20".to_owned());
        update.fields.push(SettingDifference { field, from, to });
        assert!((difference(&of(&[update], "us-east-1")) - 10.0 * 0.115).abs() < 1e-9);
        let deleted = of(&[change(PlannedAction::Delete, "AWS::RDS::DBInstance", database(false))], "us-east-1");
        assert_eq!(deleted.monthly_usd, 0.0);
        assert!((difference(&deleted) + 0.016 * 730.0 + 20.0 * 0.115).abs() < 1e-9, "{deleted:?}");
    }

    #[test]
    fn a_part_without_a_price_is_named_and_the_others_count() {
        let settings = json!({ "instanceType": "t3.micro", "rootVolumeGib": 8 });
        let cost = of(&[change(PlannedAction::Create, "AWS::EC2::Instance", settings)], "eu-central-1");
        let missing = BTreeSet::from(["hours of t3.micro".to_owned()]);
        assert_eq!((&cost.unknown, &cost.unknown_difference), (&missing, &missing));
        assert!((cost.monthly_usd - 0.005 * 730.0 - 8.0 * 0.0952).abs() < 1e-9, "{cost:?}");
    }

    #[test]
    fn what_the_table_does_not_have_is_named_and_not_taken_for_free() {
        let cost = of(&[change(PlannedAction::Create, "AWS::RDS::DBInstance", database(false))], "ap-south-1");
        assert_eq!(cost.monthly_usd, 0.0);
        assert!(cost.unknown.contains("hours of db.t4g.micro") && cost.unknown.len() == 2, "{cost:?}");
        let free = of(&[change(PlannedAction::Create, "AWS::EC2::VPC", Value::Null)], "ap-south-1");
        assert!(free.unknown.is_empty());
    }

    #[test]
    fn a_service_costs_its_tasks_and_their_addresses() {
        let task = json!({ "cpu": 256, "memoryMib": 512 });
        let changes = [
            change(PlannedAction::Unchanged, "AWS::ECS::TaskDefinition", task),
            change(PlannedAction::Create, "AWS::ECS::Service", json!({ "desiredCount": 2 })),
        ];
        let wanted = 2.0 * 730.0 * (0.25 * 0.04048 + 0.5 * 0.004445 + 0.005);
        assert!((of(&changes, "us-east-1").monthly_usd - wanted).abs() < 1e-9);
    }
}

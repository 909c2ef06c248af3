//! Estimates the monthly cost of a deployment from a table of prices (`workflows/endpoints-aws/prices.json`), without
//! traffic, taxes, free tiers and discounts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use steps::plan::{PlannedAction, PlannedChange, Price, Prices};

/// The cost of a month, as far as the table has prices.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// The cost of everything that exists after the run, in US dollars.
    pub monthly_usd: f64,
    /// The cost of what the run creates, minus that of what it deletes, in US dollars. Updates are not included.
    pub monthly_usd_difference: f64,
    /// The billed kinds of resource without a price for this region in the table.
    pub unknown: BTreeSet<String>,
    /// The month of the prices, such as `2026-07`.
    pub as_of: String,
    /// The region of the prices.
    pub region: String,
}

/// The cost of a plan.
pub fn of(changes: &[PlannedChange], region: &str) -> Cost {
    let prices = Prices::new(serde_json::from_str(workflows::PRICES).unwrap_or_default(), region);
    let mut cost = Cost { as_of: prices.as_of().to_owned(), region: region.to_owned(), ..Cost::default() };
    for change in changes {
        let price = match prices.monthly_usd(change, changes) {
            Price::Free => continue,
            Price::Known(price) => price,
            // A deletion does not contain the size, which determines the price.
            Price::Unknown if change.action == PlannedAction::Delete => continue,
            Price::Unknown => {
                cost.unknown.insert(change.resource_type.clone());
                continue;
            }
        };
        match change.action {
            PlannedAction::Delete => cost.monthly_usd_difference -= price,
            PlannedAction::Create => {
                cost.monthly_usd += price;
                cost.monthly_usd_difference += price;
            }
            _ => cost.monthly_usd += price,
        }
    }
    cost
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn change(action: PlannedAction, resource_type: &str, settings: Value) -> PlannedChange {
        PlannedChange {
            action,
            resource_type: resource_type.to_owned(),
            name: None,
            id: "id".to_owned(),
            fields: Vec::new(),
            state: "State".to_owned(),
            settings,
        }
    }

    fn database(multi_az: bool) -> Value {
        json!({ "instanceClass": "db.t4g.micro", "allocatedStorageGib": 20, "storageType": "gp3", "multiAz": multi_az })
    }

    #[test]
    fn a_database_costs_its_hours_and_its_storage_and_a_standby_doubles_it() {
        let of_one = of(&[change(PlannedAction::Create, "AWS::RDS::DBInstance", database(false))], "us-east-1");
        assert!((of_one.monthly_usd - (0.016 * 730.0 + 20.0 * 0.115)).abs() < 1e-9, "{of_one:?}");
        let of_two = of(&[change(PlannedAction::Update, "AWS::RDS::DBInstance", database(true))], "us-east-1");
        assert!((of_two.monthly_usd - 2.0 * of_one.monthly_usd).abs() < 1e-9, "{of_two:?}");
        assert_eq!((of_one.monthly_usd_difference, of_two.monthly_usd_difference), (of_one.monthly_usd, 0.0));
    }

    #[test]
    fn what_the_table_does_not_have_is_named_and_not_taken_for_free() {
        let cost = of(&[change(PlannedAction::Create, "AWS::RDS::DBInstance", database(false))], "ap-south-1");
        assert_eq!((cost.monthly_usd, cost.unknown), (0.0, ["AWS::RDS::DBInstance".to_owned()].into()));
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

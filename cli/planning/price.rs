//! Estimates the monthly cost of a deployment from a table of prices (`workflows/endpoints-aws/prices.json`), without
//! traffic, taxes, free tiers and discounts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use steps::plan::{PlannedAction, PlannedChange};

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
    let table = Table::read(region);
    let as_of = table.prices["asOf"].as_str().unwrap_or_default().to_owned();
    let mut cost = Cost { as_of, region: region.to_owned(), ..Cost::default() };
    let task = changes.iter().rfind(|change| change.resource_type == "AWS::ECS::TaskDefinition");
    for change in changes {
        let price = match table.monthly_usd(change, task) {
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

enum Price {
    Free,
    Known(f64),
    Unknown,
}

/// The prices of a region.
struct Table {
    prices: Value,
    region: String,
    hours_per_month: f64,
}

impl Table {
    fn read(region: &str) -> Self {
        let prices: Value = serde_json::from_str(workflows::PRICES).unwrap_or_default();
        let hours_per_month = prices["hoursPerMonth"].as_f64().unwrap_or(730.0);
        Table { prices, region: region.to_owned(), hours_per_month }
    }

    fn regional(&self, name: &str) -> &Value {
        &self.prices["regions"][&self.region][name]
    }

    fn everywhere(&self, name: &str) -> Option<f64> {
        self.prices["everywhere"][name].as_f64()
    }

    /// The monthly price of one resource.
    fn monthly_usd(&self, change: &PlannedChange, task: Option<&PlannedChange>) -> Price {
        let settings = &change.settings;
        let price = match change.resource_type.as_str() {
            "AWS::EC2::Instance" => self.instance(settings),
            "AWS::RDS::DBInstance" => self.database(settings),
            "AWS::ECS::Service" => task.and_then(|task| self.service(settings, &task.settings)),
            "AWS::ElasticLoadBalancingV2::LoadBalancer" => self.load_balancer(settings),
            "AWS::SecretsManager::Secret" => self.everywhere("secretMonth"),
            "AWS::CloudWatch::Alarm" => self.everywhere("alarmMonth"),
            _ => return Price::Free,
        };
        price.map_or(Price::Unknown, Price::Known)
    }

    fn public_address(&self) -> Option<f64> {
        Some(self.everywhere("publicIpv4Hour")? * self.hours_per_month)
    }

    fn instance(&self, settings: &Value) -> Option<f64> {
        let hour = self.regional("instanceHour")[settings["instanceType"].as_str()?].as_f64()?;
        let volume = self.regional("volumeGibMonth").as_f64()? * settings["rootVolumeGib"].as_f64().unwrap_or(8.0);
        Some(hour * self.hours_per_month + volume + self.public_address()?)
    }

    fn database(&self, settings: &Value) -> Option<f64> {
        let hour = self.regional("databaseHour")[settings["instanceClass"].as_str()?].as_f64()?;
        let gib_month = self.regional("databaseStorageGibMonth")[settings["storageType"].as_str()?].as_f64()?;
        let one = hour * self.hours_per_month + gib_month * settings["allocatedStorageGib"].as_f64()?;
        Some(if settings["multiAz"] == true { 2.0 * one } else { one })
    }

    fn service(&self, settings: &Value, task: &Value) -> Option<f64> {
        let vcpu = task["cpu"].as_f64()? / 1024.0 * self.regional("fargateVcpuHour").as_f64()?;
        let memory = task["memoryMib"].as_f64()? / 1024.0 * self.regional("fargateGibHour").as_f64()?;
        let one = (vcpu + memory) * self.hours_per_month + self.public_address()?;
        Some(one * settings["desiredCount"].as_f64()?)
    }

    /// The monthly price of a load balancer: its hours, and a public address in each subnet.
    fn load_balancer(&self, settings: &Value) -> Option<f64> {
        let subnets = settings["subnetIds"].as_array()?.len() as f64;
        Some(self.regional("loadBalancerHour").as_f64()? * self.hours_per_month + self.public_address()? * subnets)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

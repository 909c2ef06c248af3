//! The prices of the resources in a plan. Each service states what its own resources cost.

use serde_json::Value;

use super::PlannedChange;
use crate::SERVICES;

/// The monthly price of a resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Price {
    /// It is not billed.
    Free,
    /// In US dollars.
    Known(f64),
    /// It is billed, and the table has no price for it.
    Unknown,
}

impl From<Option<f64>> for Price {
    fn from(usd: Option<f64>) -> Self {
        usd.map_or(Price::Unknown, Price::Known)
    }
}

/// The prices of a region, without traffic, taxes, free tiers and discounts.
#[derive(Debug, Clone)]
pub struct Prices {
    table: Value,
    region: String,
}

impl Prices {
    /// The prices of `region` in a table of several regions.
    pub fn new(table: Value, region: &str) -> Self {
        Prices { table, region: region.to_owned() }
    }

    /// The month of the prices, such as `2026-07`.
    pub fn as_of(&self) -> &str {
        self.table["asOf"].as_str().unwrap_or_default()
    }

    /// The monthly price of one resource of `plan`.
    pub fn monthly_usd(&self, change: &PlannedChange, plan: &[PlannedChange]) -> Price {
        let mut prices = SERVICES.iter().map(|service| service.monthly_usd(change, plan, self));
        prices.find(|price| *price != Price::Free).unwrap_or(Price::Free)
    }

    /// A price of the region, or a table of them.
    pub(crate) fn regional(&self, name: &str) -> &Value {
        &self.table["regions"][&self.region][name]
    }

    /// A price that is the same in every region.
    pub(crate) fn everywhere(&self, name: &str) -> Option<f64> {
        self.table["everywhere"][name].as_f64()
    }

    /// The hours of a month.
    pub(crate) fn hours_per_month(&self) -> f64 {
        self.table["hoursPerMonth"].as_f64().unwrap_or(730.0)
    }

    /// The monthly price of a public IPv4 address.
    pub(crate) fn public_address(&self) -> Option<f64> {
        Some(self.everywhere("publicIpv4Hour")? * self.hours_per_month())
    }
}

//! The prices of the resources in a plan.

use std::collections::BTreeSet;

use serde_json::Value;

/// The monthly price of a resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Price {
    /// It is not billed.
    Free,
    /// It is billed.
    Billed(Bill),
}

/// The monthly cost of a resource, as far as the table has prices.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bill {
    /// In US dollars.
    pub usd: f64,
    /// The parts without a price in the table, such as `hours of t3.micro`.
    pub missing: BTreeSet<String>,
}

impl Bill {
    /// Adds a part: a quantity and its price. A part without one of them is missing.
    pub(crate) fn with(mut self, what: impl Into<String>, quantity: Option<f64>, price: Option<f64>) -> Self {
        match (quantity, price) {
            (Some(quantity), Some(price)) => self.usd += quantity * price,
            _ => {
                self.missing.insert(what.into());
            }
        }
        self
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

    /// The hourly price of a public IPv4 address.
    pub(crate) fn public_address_hour(&self) -> Option<f64> {
        self.everywhere("publicIpv4Hour")
    }
}

//! The price of a resource in a plan. Each service has the prices of its resources.

use crate::{
    SERVICES,
    planned::{PlannedChange, Price, Prices},
};

impl Prices {
    /// The monthly price of one resource of `plan`.
    pub fn monthly_usd(&self, change: &PlannedChange, plan: &[PlannedChange]) -> Price {
        let mut prices = SERVICES.iter().map(|service| service.monthly_usd(change, plan, self));
        prices.find(|price| *price != Price::Free).unwrap_or(Price::Free)
    }
}

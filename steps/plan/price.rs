//! What a resource of a plan costs. Each service states it for its own resources.

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

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod contract;
mod definitions;
mod dry_run;
mod inputs;
mod interpreter;
mod texts;
mod unused;

//! The steps: one module for each service, one function for each step. This file lists the services;
//! `local.rs` lists those of this machine.
//!
//! A step that creates a resource first searches for it, by tag or by unique name. It then adopts, updates or creates
//! it with at most one mutating call, and reports which. A step that waits only polls. A step that deletes treats a
//! missing resource as deleted.

// A failed step is rare and slow, and every caller reads its error: boxing it gains nothing.
#![allow(clippy::result_large_err)]

/// Registers the function of a step: `async fn(Arc<Environment>, StepContext, Input) -> StepResult<Output>`.
macro_rules! step {
    (
        $registry:expr, $environment:expr, $name:literal, $summary:literal, $actions:expr, $function:path
    ) => {{
        let environment = ::std::sync::Arc::clone($environment);
        $registry.register($name, $summary, &$actions, move |context, input| {
            $function(::std::sync::Arc::clone(&environment), context, input)
        });
    }};
}

// Common modules.
pub mod deployment;
pub mod environment;
pub mod failure;
mod local;
pub mod local_error_names;
mod local_limits;
mod local_settings;
mod outcome;
pub mod plan;
mod planned;
pub mod policy;
mod regular_file;
mod service;
mod shell;
pub mod step_functions;
pub mod tags;

#[cfg(test)]
mod against_moto;
#[cfg(test)]
mod test_server;

// One module for each service.
mod acm;
mod approval;
mod cloudwatch;
mod dns;
mod ec2;
mod ecs;
mod elbv2;
mod file;
mod http;
mod https;
mod iam;
mod lambda;
mod logs;
mod preflight;
mod process;
mod rds;
mod route53;
mod s3;
mod secretsmanager;
mod sns;
mod ssh;
mod sts;
mod teardown;
mod wait;

use std::sync::Arc;

use engine::step::Registry;

use service::Service;

/// The most bytes that one step reads for a Map: the content is in memory as text and as the Map's items.
pub(crate) const READ_BYTES_MAX: u64 = 128 << 20;

pub use approval::question_in;
pub use environment::{Account, CallerIdentity, Environment, NO_REGION, RehearsalAddresses, is_not_compared};
pub use failure::REHEARSAL_PREFIX;
pub use local::{needs_account, register_local};
pub use local_settings::LocalSettings;
pub use process::{
    ProgramOutput, ProgramStream, SUPERVISOR_ARGUMENT, TWO_INPUTS, follow_programs, programs_ended, refused_variable,
    supervise,
};
pub use wait::refused_body_pattern;

/// The AWS services whose resources belong to deployments. `preflight:checkNames` and `teardown:find` read them in this order, and a policy
/// has their statements in it. Route 53 is last: its findings depend on the load balancers and certificates.
static SERVICES: &[&dyn Service] = &[
    &elbv2::LoadBalancing,
    &rds::Rds,
    &ecs::Ecs,
    &iam::Iam,
    &secretsmanager::SecretsManager,
    &logs::Logs,
    &sns::Sns,
    &ec2::Ec2,
    &cloudwatch::CloudWatch,
    &acm::CertificateManager,
    &route53::Route53,
];

/// Every step, by the name after `flow:` in a Task's `Resource`.
pub fn registry(environment: Arc<Environment>) -> Registry {
    let mut registry = Registry::new();
    let all = &mut registry;
    for service in SERVICES {
        service.register(all, &environment);
    }
    dns::register(all, &environment);
    https::register(all, &environment);
    lambda::register(all, &environment);
    preflight::register(all, &environment);
    s3::register(all, &environment);
    ssh::register(all, &environment);
    sts::register(all, &environment);
    teardown::register(all, &environment);
    registry
}

/// The output of a step without output fields.
#[derive(Debug, Default, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub(crate) struct Nothing {}

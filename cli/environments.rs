//! Where an execution acts: pinned in its header, opened when a step first needs it.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use engine::{
    runner::{Clock, SystemClock},
    step::{Answer, ErrorClass, Registries, Registry, Resource, Step, StepContext, StepError},
};
use rehearsal::World;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use steps::environment::{Environment, RehearsalAddresses};
use tokio::sync::Mutex;

use crate::place::Place;

/// What an execution's header says of where it acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Pinned {
    /// In an AWS account.
    Aws {
        /// The profile; `None` takes AWS's own defaults.
        profile: Option<String>,
        /// The region; `None` takes the profile's.
        region: Option<String>,
    },
    /// In the world of a rehearsal.
    Rehearsal {
        /// The world's id.
        world: String,
    },
}

/// The environments of this process's executions, each opened once.
pub struct Environments {
    place: Place,
    open: Mutex<HashMap<String, Registry>>,
    /// Steps that need no environment.
    anywhere: OnceLock<Registry>,
}

impl Environments {
    /// None opened yet.
    pub fn new(place: Place) -> Self {
        Environments { place, open: Mutex::default(), anywhere: OnceLock::new() }
    }

    /// Adds steps that need no environment: those that are answered by the process itself.
    pub fn add(&self, steps: Registry) {
        let _ = self.anywhere.set(steps);
    }

    async fn open(&self, pinned: Pinned) -> Result<Environment, StepError> {
        let environment = match pinned {
            Pinned::Aws { profile, region } => Environment::for_aws(profile.as_deref(), region.as_deref()).await?,
            Pinned::Rehearsal { world } => Environment::for_rehearsal(self.addresses(&world)?)?,
        };
        Ok(environment.with_keys_directory(self.place.keys()))
    }

    fn addresses(&self, id: &str) -> Result<RehearsalAddresses, StepError> {
        let gone = || {
            let cause = "the world of this rehearsal has ended, and what was made in it is gone with it";
            StepError::new(ErrorClass::Failed, cause).hint("start a new rehearsal: flow run endpoints-aws --rehearse")
        };
        let world = World::read(self.place.home()).ok().flatten().filter(|world| world.id == id).ok_or_else(gone)?;
        Ok(RehearsalAddresses {
            aws_endpoint: world.aws_endpoint,
            region: world.region,
            dns_server: world.dns_server,
            ssh_server: world.ssh_server,
            https_server: world.https_server,
            https_root_certificate_pem: world.https_root_certificate_pem,
            speed: world.speed,
        })
    }
}

#[async_trait]
impl Registries for Environments {
    async fn registry(&self, environment: &Value) -> Result<Registry, StepError> {
        let key = environment.to_string();
        let mut open = self.open.lock().await;
        if let Some(registry) = open.get(&key) {
            return Ok(registry.clone());
        }
        let pinned = serde_json::from_value(environment.clone()).map_err(|e| {
            StepError::new(ErrorClass::Invalid, format!("where the execution acts cannot be read: {e}"))
        })?;
        let registry = steps::registry(Arc::new(self.open(pinned).await?));
        open.insert(key, registry.clone());
        Ok(registry)
    }

    async fn step(&self, environment: &Value, resource: &str) -> Result<Option<Arc<dyn Step>>, StepError> {
        if let Some(step) = self.anywhere.get().and_then(|steps| steps.find(resource)) {
            return Ok(Some(step));
        }
        Ok(self.registry(environment).await?.find(resource))
    }
}

/// Who would act in an AWS account, and where: asked before anything begins.
///
/// # Errors
/// No credentials, or they are refused.
pub async fn caller(profile: Option<&str>, region: Option<&str>) -> Result<Value, StepError> {
    let environment = Environment::for_aws(profile, region).await?;
    let steps = steps::registry(Arc::new(environment));
    let missing = || StepError::new(ErrorClass::Invalid, "there is no step that asks who the caller is");
    let step = steps.find("flow:sts:getCallerIdentity").ok_or_else(missing)?;
    let context = StepContext::outside_execution(SystemClock::default().now_ms());
    match step.look(context, serde_json::json!({})).await? {
        Answer::Done(done) => Ok(done.output),
        Answer::Pending(pending) => Err(StepError::new(ErrorClass::Unknown, pending.reason)),
    }
}

/// All steps, for looking at, not for running: their environment reaches nothing.
///
/// # Errors
/// The environment cannot be made.
pub fn described() -> Result<Registry, StepError> {
    let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
    let environment = Environment::for_rehearsal(RehearsalAddresses {
        aws_endpoint: "http://127.0.0.1:9".to_owned(),
        region: "us-east-1".to_owned(),
        dns_server: nowhere,
        ssh_server: nowhere,
        https_server: nowhere,
        https_root_certificate_pem: String::new(),
        speed: 1.0,
    })?;
    let mut all = steps::registry(Arc::new(environment));
    steps::register_local(&mut all);
    Ok(all)
}

/// Whether a Task may name a resource: a step of ours, or something of AWS's.
pub fn is_known(steps: &Registry, resource: &str) -> bool {
    let recognized = || !resource.starts_with("flow:") && Resource::parse(resource).is_recognized();
    steps.find(resource).is_some() || recognized()
}

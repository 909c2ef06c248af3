//! Aliases: a name for one version, or for two versions that share the executions by weight.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Answer, Api, Fault, arn, paging,
    records::{self, Alias, Route, alias_key, no_such_resource, seconds, set},
    versions::ListVersionsRequest,
};

/// The number of aliases that a state machine may have (API Reference, CreateStateMachineAlias).
const ALIASES_MAX: usize = 100;

/// A request of CreateStateMachineAlias.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateAliasRequest {
    name: String,
    #[serde(default)]
    description: Option<String>,
    routing_configuration: Vec<Route>,
}

/// A request of UpdateStateMachineAlias.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateAliasRequest {
    state_machine_alias_arn: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    routing_configuration: Option<Vec<Route>>,
}

/// A request that names an alias.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AliasRequest {
    state_machine_alias_arn: String,
}

impl Api {
    pub(crate) async fn create_alias(&self, request: CreateAliasRequest) -> Answer {
        let _changing = self.changing.lock().await;
        let machine = self.checked_routes(&request.routing_configuration)?;
        let key = alias_key(&machine, &request.name);
        let arn = self.qualified_arn(&machine, &request.name);
        let now = self.now_ms();
        let wanted = Alias {
            name: request.name,
            description: request.description,
            routing_configuration: request.routing_configuration,
            created_ms: now,
            updated_ms: now,
        };
        let created_ms = match self.runner.store().document::<Alias>(&key)? {
            Some(found)
                if found.routing_configuration == wanted.routing_configuration
                    && found.description == wanted.description =>
            {
                found.created_ms
            }
            Some(_) => {
                let message = "Failed to create alias because an alias with the same name and a different routing \
                               configuration already exists.";
                return Err(Fault::new("ConflictException", message));
            }
            None => {
                self.has_room(&machine)?;
                self.put(&key, &wanted)?;
                now
            }
        };
        Ok(json!({ "stateMachineAliasArn": arn, "creationDate": seconds(created_ms) }))
    }

    fn has_room(&self, machine: &str) -> Result<(), Fault> {
        let aliases = self.runner.store().documents::<Value>(&records::aliases_prefix(machine), None, ALIASES_MAX)?;
        if aliases.len() < ALIASES_MAX {
            return Ok(());
        }
        let message = format!("A state machine has at most {ALIASES_MAX} aliases: delete those that are not used");
        Err(Fault::new("ServiceQuotaExceededException", message))
    }

    pub(crate) async fn update_alias(&self, request: UpdateAliasRequest) -> Answer {
        let (machine, name) = arn::qualified(&request.state_machine_alias_arn)?;
        if request.description.is_none() && request.routing_configuration.is_none() {
            return Err(Fault::validation("Either the description or the RoutingConfiguration must be specified"));
        }
        let _changing = self.changing.lock().await;
        let mut alias = self.alias(&machine, &name)?;
        if let Some(routes) = request.routing_configuration {
            if self.checked_routes(&routes)? != machine {
                return Err(not_versions(&routes));
            }
            alias.routing_configuration = routes;
        }
        alias.description = request.description.or(alias.description);
        alias.updated_ms = self.now_ms();
        self.put(&alias_key(&machine, &name), &alias)?;
        Ok(json!({ "updateDate": seconds(alias.updated_ms) }))
    }

    pub(crate) fn describe_alias(&self, request: &AliasRequest) -> Answer {
        let (machine, name) = arn::qualified(&request.state_machine_alias_arn)?;
        let alias = self.alias(&machine, &name)?;
        let mut answer = json!({
            "stateMachineAliasArn": request.state_machine_alias_arn, "name": alias.name,
            "routingConfiguration": alias.routing_configuration, "creationDate": seconds(alias.created_ms),
            "updateDate": seconds(alias.updated_ms),
        });
        set(&mut answer, "description", alias.description);
        Ok(answer)
    }

    pub(crate) async fn delete_alias(&self, request: AliasRequest) -> Answer {
        let (machine, name) = arn::qualified(&request.state_machine_alias_arn)?;
        let _changing = self.changing.lock().await;
        self.delete(&[alias_key(&machine, &name)])?;
        Ok(json!({}))
    }

    pub(crate) fn list_aliases(&self, request: &ListVersionsRequest) -> Answer {
        let (machine, version_arn) = match arn::parse(&request.state_machine_arn)? {
            arn::Resource::StateMachine { name, qualifier: None } => (name, None),
            arn::Resource::StateMachine { name, .. } => (name, Some(&request.state_machine_arn)),
            _ => return Err(arn::wrong_kind(&request.state_machine_arn)),
        };
        self.machine(&machine)?;
        let routes = |alias: &Alias| {
            let mut routes = alias.routing_configuration.iter();
            version_arn.is_none_or(|arn| routes.any(|route| route.state_machine_version_arn == *arn))
        };
        let show = |alias: Alias| {
            let arn = self.qualified_arn(&machine, &alias.name);
            let shown = || json!({ "stateMachineAliasArn": arn, "creationDate": seconds(alias.created_ms) });
            Ok(routes(&alias).then(shown))
        };
        let prefix = records::aliases_prefix(&machine);
        paging::documents(self.runner.store(), ("stateMachineAliases", &prefix), &request.page, show)
    }

    /// Validates the routes and returns the state machine whose versions they name.
    fn checked_routes(&self, routes: &[Route]) -> Result<String, Fault> {
        if let [first, second] = routes
            && first.state_machine_version_arn == second.state_machine_version_arn
        {
            let message = "Routing configuration must contain distinct state machine version ARNs.";
            return Err(Fault::validation(format!("{message} Received: [{}]", arns(routes))));
        }
        let weights: Vec<u64> = routes.iter().map(|route| route.weight).collect();
        if weights.iter().sum::<u64>() != 100 {
            let message = format!("Sum of routing configuration weights must equal 100. Received: {weights:?}");
            return Err(Fault::validation(message));
        }
        let mut machines = Vec::new();
        for route in routes {
            let Ok((machine, qualifier)) = arn::qualified(&route.state_machine_version_arn) else {
                return Err(not_versions(routes));
            };
            let number = qualifier.parse().map_err(|_| not_versions(routes))?;
            self.version(&machine, number).map_err(|_| no_such_resource())?;
            machines.push(machine);
        }
        match machines.as_slice() {
            [first, rest @ ..] if rest.iter().all(|other| other == first) => Ok(first.clone()),
            _ => Err(not_versions(routes)),
        }
    }

    /// Draws the version that the next start through an alias runs.
    pub(crate) fn routed(&self, alias: &Alias) -> Result<u64, Fault> {
        let mut drawn = rand::random_range(0..100_u64);
        for route in &alias.routing_configuration {
            if drawn < route.weight {
                let (_, number) = arn::qualified(&route.state_machine_version_arn)?;
                return number.parse().map_err(|_| Fault::internal("an alias names no version"));
            }
            drawn -= route.weight;
        }
        Err(Fault::internal("the weights of an alias are less than 100 together"))
    }
}

fn arns(routes: &[Route]) -> String {
    routes.iter().map(|route| route.state_machine_version_arn.as_str()).collect::<Vec<_>>().join(", ")
}

fn not_versions(routes: &[Route]) -> Fault {
    let message = "Routing configuration must contain state machine version ARNs.";
    Fault::validation(format!("{message} Received: [{}]", arns(routes)))
}

//! The engine that a command uses: this machine's, or AWS Step Functions.

use clap::{Args, ValueEnum};
use steps::step_functions::{Endpoint, StepFunctions};

use crate::{
    environments::REGION_DEFAULT,
    exit::CliError,
    global::{Global, WHERE},
    home::Home,
    owner::Handle,
    proposed,
    step_functions::{Executions, refused},
    token_file,
};

/// The environment variable with the URL of an API in place of AWS's.
const ENDPOINT: &str = "AWS_ENDPOINT_URL_STEPFUNCTIONS";

/// The engine that a command uses.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// The engine: this machine's, or AWS Step Functions.
    #[arg(long, value_enum, default_value = "local", help_heading = WHERE)]
    pub engine: Engine,
    /// With --engine sfn, the Step Functions API: `aws`, or the URL of a `flow serve`; default
    /// AWS_ENDPOINT_URL_STEPFUNCTIONS, then `aws`.
    #[arg(long, value_name = "aws|URL", help_heading = WHERE)]
    pub endpoint: Option<String>,
}

/// An engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// This machine's.
    Local,
    /// AWS Step Functions.
    Sfn,
}

impl Target {
    /// A handle to the executions at Step Functions; `None` if the command uses this machine's engine.
    ///
    /// # Errors
    /// `--endpoint` is given without the engine, or is not an endpoint.
    pub async fn handle(&self, global: &Global) -> Result<Option<Handle>, CliError> {
        if self.engine == Engine::Local {
            return match self.endpoint {
                None => Ok(None),
                Some(_) => Err(CliError::refused("--endpoint is for another engine").hint("add --engine sfn")),
            };
        }
        proposed::remember_step_functions(self.endpoint.as_deref());
        let endpoint = endpoint(global, self.endpoint.as_deref())?;
        let api = StepFunctions::connect(&endpoint).await.map_err(refused)?;
        Ok(Some(Handle::step_functions(Home::real(global)?, Executions::new(api, &endpoint))))
    }
}

/// The API that an option names; without one the environment variable's, else AWS's.
///
/// # Errors
/// It is neither `aws` nor a URL.
pub fn endpoint(global: &Global, given: Option<&str>) -> Result<Endpoint, CliError> {
    let variable = std::env::var(ENDPOINT).ok().filter(|url| !url.is_empty());
    parse_endpoint(global, given.or(variable.as_deref()).unwrap_or("aws"))
}

/// Parses the endpoint of an option.
///
/// # Errors
/// It is neither `aws` nor a URL, or a key is incomplete.
pub fn parse_endpoint(global: &Global, text: &str) -> Result<Endpoint, CliError> {
    if text == "aws" {
        return Ok(Endpoint::Aws { profile: global.profile.clone(), region: global.region.clone() });
    }
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Err(CliError::refused(format!(
            "'{text}' is neither aws nor a URL that begins with http:// or https://"
        )));
    }
    let key = match (token_file::of_variable("FLOW_ACCESS_KEY_ID"), token_file::of_variable("FLOW_SECRET_ACCESS_KEY")) {
        (Some(id), Some(secret)) => Some((id, secret)),
        (None, None) => None,
        _ => {
            return Err(CliError::refused(
                "only one of FLOW_ACCESS_KEY_ID and FLOW_SECRET_ACCESS_KEY is set: set both or none",
            ));
        }
    };
    let region = global.region.clone().unwrap_or_else(|| REGION_DEFAULT.to_owned());
    Ok(Endpoint::Url { url: text.to_owned(), region, key, token: token_file::of_variable("FLOW_TOKEN") })
}

//! The engine that a command uses: this machine's, or AWS Step Functions.

use clap::{Args, ValueEnum};
use steps::step_functions::{Endpoint, StepFunctions};

use crate::{
    environments::REGION_DEFAULT,
    exit::CliError,
    global::{Global, WHERE},
    home::Home,
    owner::Handle,
    person::token_file,
    proposed,
    step_functions::{Executions, service_error},
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
        remember(self.endpoint.as_deref());
        let endpoint = endpoint(global, self.endpoint.as_deref())?;
        let api = StepFunctions::connect(&endpoint).await.map_err(service_error)?;
        Ok(Some(Handle::step_functions(Home::real(global)?, Executions::new(api, &endpoint))))
    }
}

/// Makes the commands that are proposed repeat the API of this command: `given` by an option, or as [`endpoint`] finds it.
pub fn remember(given: Option<&str>) {
    proposed::remember_step_functions(given, &endpoint_text(given));
}

/// The API that an option names; without one the environment variable's, else AWS's.
///
/// # Errors
/// It is neither `aws` nor a URL.
pub fn endpoint(global: &Global, given: Option<&str>) -> Result<Endpoint, CliError> {
    parse_endpoint(global, &endpoint_text(given))
}

fn endpoint_text(given: Option<&str>) -> String {
    let variable = std::env::var(ENDPOINT).ok().filter(|url| !url.is_empty());
    given.map(str::to_owned).or(variable).unwrap_or_else(|| "aws".to_owned())
}

/// Parses the endpoint of an option.
///
/// # Errors
/// It is neither `aws` nor a URL that can be called, it has user information or a query, a key is incomplete, or no request can have the
/// token.
pub fn parse_endpoint(global: &Global, text: &str) -> Result<Endpoint, CliError> {
    if text == "aws" {
        return Ok(Endpoint::Aws { profile: global.profile.clone(), region: global.region.clone() });
    }
    if has_user_information(text) {
        // The text is not shown: it has a password.
        return Err(CliError::usage("the endpoint has user information, such as a password, before its host")
            .hint("give the URL without it; a flow serve gets the token in FLOW_TOKEN"));
    }
    if has_query(text) {
        return Err(CliError::usage("the endpoint has a query or a fragment, which may have a token")
            .hint("give the URL without '?' and '#'; a flow serve gets the token in FLOW_TOKEN"));
    }
    if let Some(problem) = url_problem(text) {
        return Err(CliError::usage(format!("the endpoint '{text}' cannot be called: {problem}"))
            .hint("--endpoint is aws, or a URL such as http://127.0.0.1:8083"));
    }
    let secret = token_file::of_variable;
    let key = match (secret("FLOW_ACCESS_KEY_ID")?, secret("FLOW_SECRET_ACCESS_KEY")?) {
        (Some(id), Some(secret)) => Some((id, secret)),
        (None, None) => None,
        _ => {
            return Err(CliError::refused(
                "only one of FLOW_ACCESS_KEY_ID and FLOW_SECRET_ACCESS_KEY is set: set both or none",
            ));
        }
    };
    let region = global.region.clone().unwrap_or_else(|| REGION_DEFAULT.to_owned());
    Ok(Endpoint::Url { url: text.to_owned(), region, key, token: secret("FLOW_TOKEN")? })
}

/// Whether a URL has a user's name or password. Other users of the machine see a command line, and a log has the URL.
fn has_user_information(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

/// Whether a text has a query or a fragment, such as `?token=x`. A log has the URL, and no request has its own path.
fn has_query(url: &str) -> bool {
    url.contains(['?', '#'])
}

/// Why a URL cannot be that of a service; `None` if it can.
fn url_problem(url: &str) -> Option<&'static str> {
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return Some("it is neither aws nor a URL that begins with http:// or https://");
    };
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some("it has a space");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // An IPv6 address has colons of its own, within brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_number =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    match (host, port) {
        ("" | "[]", _) => Some("it has no host"),
        (_, Some(port)) if !is_number(port) => Some("its port is not a number from 1 to 65535"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{has_query, has_user_information, url_problem};

    #[test]
    fn a_password_in_a_url_is_found_before_any_text_shows_it() {
        for url in ["http://user:pw@host", "https://token@host:1/a", "user:pw@host", "ftp://u@h", "http://a b@h"] {
            assert!(has_user_information(url), "{url}");
        }
        for url in ["aws", "http://host", "http://host/a@b", "http://host?a@b", "http://[::1]:8083"] {
            assert!(!has_user_information(url), "{url}");
        }
    }

    #[test]
    fn a_query_or_a_fragment_is_found_before_any_text_shows_it() {
        for url in ["http://h/?token=abcd", "http://h?token=abcd", "http://h/#x:y@z", "h?token=abcd"] {
            assert!(has_query(url), "{url}");
        }
        for url in ["aws", "http://host:1/a", "http://[::1]:8083"] {
            assert!(!has_query(url), "{url}");
        }
    }

    #[test]
    fn a_url_that_nothing_can_answer_is_a_mistake_on_the_command_line() {
        for url in ["http://127.0.0.1:8083", "https://flow.example/", "http://[::1]:8083/x", "http://[::1]", "http://a"]
        {
            assert_eq!(url_problem(url), None, "{url}");
        }
        for (url, problem) in [
            ("ftp://127.0.0.1", "neither aws nor a URL"),
            ("awz", "neither aws nor a URL"),
            ("http://127.0.0.1:99999", "1 to 65535"),
            ("http://127.0.0.1:0", "1 to 65535"),
            ("http://127.0.0.1:", "1 to 65535"),
            ("http://127.0.0.1:80x", "1 to 65535"),
            ("http://", "no host"),
            ("http://:8083", "no host"),
            ("http://a b", "a space"),
        ] {
            assert!(url_problem(url).is_some_and(|found| found.contains(problem)), "{url}");
        }
    }
}

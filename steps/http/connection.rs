//! Connections: who we are to an API. EventBridge keeps them on AWS; here the operator declares them in the file that
//! `FLOW_CONNECTIONS` names, in the words of EventBridge's CreateConnection. What is secret in it goes into requests only.

use std::{
    collections::HashMap,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use engine::step::{ErrorClass, StepError};
use reqwest::Client;
use serde_json::{Map, Value, json};

use super::{form, request::pairs};

const FILE: &str = "FLOW_CONNECTIONS";
/// A token is fetched anew so long before it expires.
const EXPIRY_MARGIN: Duration = Duration::from_secs(30);
const TOKEN_LIFE: Duration = Duration::from_secs(300);

/// What a connection adds to a request.
#[derive(Default)]
pub(super) struct Additions {
    /// Name, value, and whether it is secret.
    pub headers: Vec<(String, String, bool)>,
    pub query: Vec<(String, String)>,
    pub body: Map<String, Value>,
}

/// A connection as it is declared; an empty one where a Task names none.
#[derive(Default)]
pub(super) struct Connection {
    name: String,
    declared: Value,
}

fn refuse(cause: String) -> StepError {
    StepError::new(ErrorClass::Permission, cause)
}

fn unusable(cause: String) -> StepError {
    StepError::named("Events.ConnectionResource.InvalidConnectionState", cause)
}

impl Connection {
    /// The connection of an ARN, or of the name in it.
    pub fn find(arn: Option<&str>) -> Result<Self, StepError> {
        let Some(arn) = arn else { return Ok(Connection::default()) };
        match std::env::var_os(FILE) {
            Some(file) => Self::declared_in(Path::new(&file), arn),
            None => Err(refuse(format!("the connection {arn} is not known: {FILE} names no file"))),
        }
    }

    /// The connection of an ARN in a file that only its owner may read.
    pub fn declared_in(file: &Path, arn: &str) -> Result<Self, StepError> {
        let shown = file.display();
        let unreadable = |error: std::io::Error| refuse(format!("{FILE} names {shown}: {error}"));
        let mode = std::fs::metadata(file).map_err(unreadable)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(refuse(format!("{shown} holds secrets and others may read it: chmod 600 {shown}")));
        }
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        // The parser's words would show what stands in the file.
        let all: Value = serde_json::from_str(&text)
            .map_err(|error| refuse(format!("{shown} is not JSON at line {}", error.line())))?;
        let name = arn.split(":connection/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or(arn);
        let declared = all.get(arn).or_else(|| all.get(name));
        let declared = declared.ok_or_else(|| refuse(format!("{shown} declares no connection {arn}")))?;
        Ok(Connection { name: arn.to_owned(), declared: declared.clone() })
    }

    /// Whether it is one whose token may have been taken back.
    pub fn has_token(&self) -> bool {
        self.declared["AuthorizationType"] == "OAUTH_CLIENT_CREDENTIALS"
    }

    /// What it adds to a request; `anew` fetches a token although there is one.
    pub async fn additions(&self, client: &Client, anew: bool) -> Result<Additions, StepError> {
        let parameters = &self.declared["AuthParameters"];
        let mut additions = invocation(&parameters["InvocationHttpParameters"]);
        let authorization = match self.declared["AuthorizationType"].as_str() {
            None => return Ok(additions),
            Some("BASIC") => {
                let basic = &parameters["BasicAuthParameters"];
                let (user, password) = (text(basic, "Username")?, text(basic, "Password")?);
                ("authorization".to_owned(), format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
            }
            Some("API_KEY") => {
                let key = &parameters["ApiKeyAuthParameters"];
                (text(key, "ApiKeyName")?.to_owned(), text(key, "ApiKeyValue")?.to_owned())
            }
            Some("OAUTH_CLIENT_CREDENTIALS") => {
                let token = self.token(client, &parameters["OAuthParameters"], anew).await?;
                ("authorization".to_owned(), format!("Bearer {token}"))
            }
            Some(other) => return Err(unusable(format!("{} has the unknown AuthorizationType {other}", self.name))),
        };
        additions.headers.push((authorization.0, authorization.1, true));
        Ok(additions)
    }

    async fn token(&self, client: &Client, oauth: &Value, anew: bool) -> Result<String, StepError> {
        static TOKENS: Mutex<Option<HashMap<String, (String, Instant)>>> = Mutex::new(None);
        let kept = || -> Option<String> {
            let tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
            let (token, until) = tokens.as_ref()?.get(&self.name)?;
            (*until > Instant::now()).then(|| token.clone())
        };
        if let Some(token) = kept().filter(|_| !anew) {
            return Ok(token);
        }
        let (token, life) = self.fetch(client, oauth).await?;
        let until = Instant::now() + life.saturating_sub(EXPIRY_MARGIN);
        let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get_or_insert_default().insert(self.name.clone(), (token.clone(), until));
        Ok(token)
    }

    /// The client credentials grant. Source: RFC 6749, section 4.4.
    async fn fetch(&self, client: &Client, oauth: &Value) -> Result<(String, Duration), StepError> {
        let endpoint = text(oauth, "AuthorizationEndpoint")?;
        let client_parameters = &oauth["ClientParameters"];
        let mut fields = json!({
            "grant_type": "client_credentials",
            "client_id": text(client_parameters, "ClientID")?,
            "client_secret": text(client_parameters, "ClientSecret")?,
        });
        let more = invocation(&oauth["OAuthHttpParameters"]);
        if let Some(fields) = fields.as_object_mut() {
            fields.extend(more.body);
        }
        let form = form::encode(&fields, form::Arrays::Repeat);
        let method = oauth["HttpMethod"].as_str().unwrap_or("POST");
        let mut request = match method {
            "GET" => client.get(format!("{endpoint}?{form}")),
            _ => client.post(endpoint).header("content-type", "application/x-www-form-urlencoded").body(form),
        };
        for (name, value, _) in more.headers {
            request = request.header(name, value);
        }
        let failed = |cause: String| unusable(format!("{} gets no token from {endpoint}: {cause}", self.name));
        let answer = request.send().await.map_err(|error| failed(super::socket(&error).cause))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(failed(format!("HTTP {}", status.as_u16())));
        }
        let answer: Value = answer.json().await.map_err(|_| failed("the answer is not JSON".to_owned()))?;
        let token =
            answer["access_token"].as_str().ok_or_else(|| failed("the answer has no access_token".to_owned()))?;
        let life = answer["expires_in"].as_u64().map_or(TOKEN_LIFE, Duration::from_secs);
        Ok((token.to_owned(), life))
    }
}

fn text<'v>(parameters: &'v Value, field: &str) -> Result<&'v str, StepError> {
    parameters[field].as_str().ok_or_else(|| unusable(format!("the connection's {field} is missing")))
}

/// `InvocationHttpParameters`: lists of key, value, and whether the value is secret.
fn invocation(parameters: &Value) -> Additions {
    let list = |name: &str| -> Vec<(String, String, bool)> {
        let entries = parameters[name].as_array().into_iter().flatten();
        let entry = |entry: &Value| {
            let value = pairs(&json!({ "v": entry["Value"] })).pop()?.1;
            Some((entry["Key"].as_str()?.to_owned(), value, entry["IsValueSecret"] == true))
        };
        entries.filter_map(entry).collect()
    };
    Additions {
        headers: list("HeaderParameters"),
        query: list("QueryStringParameters").into_iter().map(|(key, value, _)| (key, value)).collect(),
        body: list("BodyParameters").into_iter().map(|(key, value, _)| (key, value.into())).collect(),
    }
}

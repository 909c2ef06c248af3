//! Connections: the credentials for an API. On AWS EventBridge stores them. Here the operator declares them in the file
//! that `FLOW_CONNECTIONS` names, in the format of EventBridge's CreateConnection. Its secrets are sent in requests
//! only.

use std::{
    collections::HashMap,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use engine::step::{ErrorClass, StepError};
use reqwest::Client;
use serde_json::{Map, Value, json};

use super::{declaration, form, request::pairs};
use crate::{local_settings::CONNECTIONS, regular_file::refuse_other_than_file};

/// The time before its expiry at which a token is replaced.
const EXPIRY_MARGIN: Duration = Duration::from_secs(30);
/// The lifetime of a token whose answer does not state it.
const TOKEN_LIFETIME: Duration = Duration::from_secs(300);
/// The longest lifetime of a cached token, whatever its answer states.
const TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(86_400);
/// The most cached tokens; beyond that a token is fetched for each request.
const TOKENS_MAX: usize = 1_000;

/// The largest answer with a token, in bytes.
const TOKEN_BYTES_MAX: usize = 64 << 10;
/// The largest file of connections, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// An access token (RFC 6749, section 5.1).
struct Token {
    text: String,
    expires: Instant,
}

/// The cached tokens, by the connection's name and declaration.
type Tokens = HashMap<(String, String), Token>;

fn tokens() -> MutexGuard<'static, Tokens> {
    static TOKENS: LazyLock<Mutex<Tokens>> = LazyLock::new(Mutex::default);
    TOKENS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The additions of a connection to a request.
#[derive(Default)]
pub(super) struct Additions {
    /// Name, value, and whether it is secret.
    pub headers: Vec<(String, String, bool)>,
    pub query: Vec<(String, String)>,
    pub body: Map<String, Value>,
}

/// A connection as declared; an empty one if a Task names none.
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
    /// Finds the connection of an ARN, or of the name in it. Returns an empty connection if a Task names none.
    pub fn find(file: Option<&Path>, arn: Option<&str>) -> Result<Self, StepError> {
        let Some(arn) = arn else { return Ok(Connection::default()) };
        match file {
            Some(file) => Self::declared_in(file, arn),
            None => Err(refuse(format!("the connection {arn} is not known: {CONNECTIONS} names no file"))),
        }
    }

    /// Finds the connection of an ARN in a file that only its owner may read.
    pub fn declared_in(file: &Path, arn: &str) -> Result<Self, StepError> {
        let all = declarations(file)?;
        let name = arn.split(":connection/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or(arn);
        let declared = all.get(arn).or_else(|| all.get(name));
        let declared = declared.ok_or_else(|| refuse(format!("{} declares no connection {arn}", file.display())))?;
        Ok(Connection { name: arn.to_owned(), declared: declared.clone() })
    }

    /// Whether it uses tokens, which the server may have revoked.
    pub fn has_token(&self) -> bool {
        self.declared["AuthorizationType"] == "OAUTH_CLIENT_CREDENTIALS"
    }

    /// The additions to a request. `anew` fetches a token even if one is cached.
    pub async fn additions(&self, client: &Client, anew: bool) -> Result<Additions, StepError> {
        let parameters = &self.declared["AuthParameters"];
        let mut additions = invocation(&parameters["InvocationHttpParameters"]);
        let authorization = match self.declared["AuthorizationType"].as_str() {
            None if self.declared.is_null() => return Ok(additions),
            None => return Err(unusable(format!("{} has no AuthorizationType", self.name))),
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

    /// The cached token. If none is cached, it has expired, or `anew` is set, requests a new one.
    async fn token(&self, client: &Client, oauth: &Value, anew: bool) -> Result<String, StepError> {
        // The declaration is part of the key: two files may declare the same name, and a changed secret needs a new
        // token.
        let key = (self.name.clone(), self.declared.to_string());
        if let Some(token) = tokens().get(&key).filter(|token| !anew && token.expires > Instant::now()) {
            return Ok(token.text.clone());
        }
        let (text, lifetime) = self.fetch(client, oauth).await?;
        let now = Instant::now();
        let expires = now + lifetime.min(TOKEN_LIFETIME_MAX).saturating_sub(EXPIRY_MARGIN);
        let mut tokens = tokens();
        tokens.retain(|_, token| token.expires > now);
        if tokens.len() < TOKENS_MAX {
            tokens.insert(key, Token { text: text.clone(), expires });
        }
        Ok(text)
    }

    /// Fetches a token with the client credentials grant. Source: RFC 6749, section 4.4.
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
        let body = super::body(answer, TOKEN_BYTES_MAX).await.map_err(|error| failed(error.cause))?;
        let answer: Value = serde_json::from_slice(&body).map_err(|_| failed("the answer is not JSON".to_owned()))?;
        let token =
            answer["access_token"].as_str().ok_or_else(|| failed("the answer has no access_token".to_owned()))?;
        let lifetime = answer["expires_in"].as_u64().map_or(TOKEN_LIFETIME, Duration::from_secs);
        Ok((token.to_owned(), lifetime))
    }
}

/// The connections that a file declares. Every one of them is checked, so that a mistake is found before any request.
///
/// # Errors
/// The file cannot be read, others may read it, or its format is wrong.
pub(crate) fn declarations(file: &Path) -> Result<Value, StepError> {
    let shown = file.display();
    let unreadable = |error: std::io::Error| refuse(format!("{CONNECTIONS} names {shown}: {error}"));
    let (text, mode) = read(file).map_err(unreadable)?;
    if mode & 0o077 != 0 {
        return Err(refuse(format!("{shown} holds secrets and others may read it: chmod 600 {shown}")));
    }
    // Without the parser's message, which quotes the file.
    let all: Value =
        serde_json::from_str(&text).map_err(|error| refuse(format!("{shown} is not JSON at line {}", error.line())))?;
    declaration::check(&all).map_err(|problem| {
        let hint = format!("the format of the file is, for example: {}", declaration::EXAMPLE);
        refuse(format!("{CONNECTIONS} names {shown}: {problem}")).hint(hint)
    })?;
    Ok(all)
}

/// The content of a regular file, and its mode.
fn read(file: &Path) -> std::io::Result<(String, u32)> {
    refuse_other_than_file(file)?;
    let open = std::fs::File::open(file)?;
    let (mode, mut text) = (open.metadata()?.permissions().mode(), String::new());
    open.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok((text, mode))
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

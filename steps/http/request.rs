//! Parses the arguments of an HTTP task and builds its request.

use engine::{
    spelling::{did_you_mean, nearest},
    step::{PAYLOAD_BYTES_MAX, StepError, error_names},
};
use reqwest::{
    Client, Method, Request, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Map, Value};

use super::{arguments::ARGUMENTS, connection::Additions, form};

/// Headers that AWS does not allow a Task to set, from the same page.
const REFUSED_HEADERS: &[&str] = &[
    "a-im",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "cache-control",
    "connection",
    "content-encoding",
    "content-md5",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authorization",
    "referer",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "warning",
];
const REFUSED_PREFIXES: &[&str] = &["x-forwarded", "x-amz", "x-amzn"];
/// AWS's value with `local` in place of a region: an HTTP task has none.
const USER_AGENT: &str = "Amazon|StepFunctions|HttpInvoke|local";
const METHODS: &[Method] =
    &[Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::HEAD];

/// The call of a Task.
pub(super) struct Call {
    url: Url,
    method: Method,
    pub connection: Option<String>,
    headers: HeaderMap,
    query: Vec<(String, String)>,
    body: Option<Value>,
    form: Option<form::Arrays>,
}

fn wrong(cause: impl Into<String>) -> StepError {
    StepError::named(error_names::RUNTIME, cause)
}

impl Call {
    /// Parses the Parameters or Arguments of a Task.
    pub fn read(input: &Value) -> Result<Self, StepError> {
        refuse_unknown(input)?;
        let endpoint = required(input, "ApiEndpoint")?;
        let method = required(input, "Method")?;
        let known = METHODS.iter().find(|known| known.as_str() == method);
        let connection = ["Authentication", "InvocationConfig"];
        let connection = connection.iter().find_map(|field| input[*field]["ConnectionArn"].as_str());
        let transform = &input["Transform"];
        let form = match transform["RequestBodyEncoding"].as_str() {
            None | Some("NONE") => None,
            Some("URL_ENCODED") => {
                let arrays = transform["RequestEncodingOptions"]["ArrayFormat"].as_str();
                Some(
                    form::Arrays::named(arrays.unwrap_or("INDICES"))
                        .ok_or_else(|| wrong("ArrayFormat must be one of INDICES, REPEAT, COMMAS, BRACKETS, NONE"))?,
                )
            }
            Some(other) => return Err(wrong(format!("RequestBodyEncoding must be NONE or URL_ENCODED, not {other}"))),
        };
        Ok(Call {
            url: url(endpoint)?,
            method: known.cloned().ok_or_else(|| wrong(format!("'{method}' is not a Method of an HTTP task")))?,
            connection: connection.map(str::to_owned),
            headers: headers(&input["Headers"])?,
            query: pairs(&input["QueryParameters"]),
            body: input.get("RequestBody").filter(|body| !body.is_null()).cloned(),
            form,
        })
    }

    /// Builds the request with the additions of the connection, which take precedence.
    pub fn request(&self, client: &Client, additions: &Additions) -> Result<Request, StepError> {
        let mut url = self.url.clone();
        let query = self.query.iter().filter(|(name, _)| !additions.query.iter().any(|(added, _)| added == name));
        let query: Vec<_> = query.chain(&additions.query).collect();
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut headers = HeaderMap::new();
        insert(&mut headers, "user-agent", USER_AGENT, false)?;
        insert(&mut headers, "range", &format!("bytes=0-{PAYLOAD_BYTES_MAX}"), false)?;
        headers.extend(self.headers.clone());
        for (name, value, secret) in &additions.headers {
            insert(&mut headers, name, value, *secret)?;
        }
        let mut request = client.request(self.method.clone(), url);
        if let Some(body) = self.body(additions) {
            let kind = if self.form.is_some() { "application/x-www-form-urlencoded" } else { "application/json" };
            if !headers.contains_key("content-type") {
                insert(&mut headers, "content-type", kind, false)?;
            }
            request = request.body(match self.form {
                Some(arrays) => form::encode(&body, arrays),
                None => body.to_string(),
            });
        }
        request.headers(headers).build().map_err(|error| wrong(error.without_url().to_string()))
    }

    fn body(&self, additions: &Additions) -> Option<Value> {
        if additions.body.is_empty() {
            return self.body.clone();
        }
        let mut fields = match &self.body {
            None => Map::new(),
            Some(Value::Object(fields)) => fields.clone(),
            // Fields can be added to an object only.
            Some(other) => return Some(other.clone()),
        };
        fields.extend(additions.body.clone());
        Some(Value::Object(fields))
    }
}

/// Refuses an argument that is not known.
fn refuse_unknown(input: &Value) -> Result<(), StepError> {
    let mut names = input.as_object().into_iter().flat_map(Map::keys);
    let Some(unknown) = names.find(|name| !ARGUMENTS.contains(&name.as_str())) else { return Ok(()) };
    let hint = did_you_mean(nearest(unknown, ARGUMENTS.iter().copied()));
    let message = format!("The field '{unknown}' is not supported; the fields are {}", ARGUMENTS.join(", "));
    Err(wrong(format!("{message}{}", hint.trim_end_matches('.'))))
}

fn required<'v>(input: &'v Value, field: &str) -> Result<&'v str, StepError> {
    let missing = || wrong(format!("The field '{field}' is required but was missing"));
    input[field].as_str().ok_or_else(missing)
}

/// Parses an HTTPS URL. HTTP is allowed only to this machine.
fn url(endpoint: &str) -> Result<Url, StepError> {
    let url: Url = endpoint.parse().map_err(|error| wrong(format!("ApiEndpoint '{endpoint}': {error}")))?;
    let here = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    match url.scheme() {
        "https" => Ok(url),
        "http" if here => Ok(url),
        _ => Err(wrong(format!("ApiEndpoint '{endpoint}' must begin with https://"))),
    }
}

fn headers(given: &Value) -> Result<HeaderMap, StepError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs(given) {
        let lower = name.to_lowercase();
        if REFUSED_HEADERS.contains(&lower.as_str()) || REFUSED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
        {
            return Err(wrong(format!("The header '{name}' cannot be set by an HTTP task")));
        }
        insert(&mut headers, &name, &value, false)?;
    }
    Ok(headers)
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str, secret: bool) -> Result<(), StepError> {
    let refused = || wrong(format!("The header '{name}' has a name or a value that no header can have"));
    let key: HeaderName = name.parse().map_err(|_| refused())?;
    let mut value = HeaderValue::from_str(value).map_err(|_| refused())?;
    value.set_sensitive(secret);
    headers.insert(key, value);
    Ok(())
}

/// The names and values; a list repeats its name.
pub(super) fn pairs(given: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut pairs = Vec::new();
    for (name, value) in given.as_object().into_iter().flatten() {
        match value {
            Value::Array(values) => pairs.extend(values.iter().map(|value| (name.clone(), text(value)))),
            value => pairs.push((name.clone(), text(value))),
        }
    }
    pairs
}

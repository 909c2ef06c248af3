//! The arguments and the answer of an HTTP task, as `flow steps` shows them and `flow check` checks them.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The arguments of a Task. They are parsed by [`super::request::Call`], whose errors are AWS's.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct HttpCall(pub Value);

impl JsonSchema for HttpCall {
    fn schema_name() -> Cow<'static, str> {
        HttpArguments::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        HttpArguments::json_schema(generator)
    }
}

/// The answer of an API.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct HttpAnswer(pub Value);

impl JsonSchema for HttpAnswer {
    fn schema_name() -> Cow<'static, str> {
        HttpOutput::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        HttpOutput::json_schema(generator)
    }
}

/// The names of the arguments. One that is not known is refused: a misspelt `Authentication` would otherwise send the
/// request without credentials.
pub(super) const ARGUMENTS: &[&str] = &[
    "ApiEndpoint",
    "Authentication",
    "Headers",
    "InvocationConfig",
    "Method",
    "QueryParameters",
    "RequestBody",
    "Transform",
];

#[derive(JsonSchema)]
#[schemars(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used")]
struct HttpArguments {
    /// The URL, which begins with https:// (http:// is allowed to this machine).
    api_endpoint: String,
    /// The method of the request.
    method: HttpMethod,
    /// The connection whose credentials are sent: its name or ARN in the file of FLOW_CONNECTIONS.
    authentication: Option<ConnectionReference>,
    /// As Authentication.
    invocation_config: Option<ConnectionReference>,
    /// Headers of the request.
    headers: Option<BTreeMap<String, Value>>,
    /// Parameters of the query; a list repeats its parameter.
    query_parameters: Option<BTreeMap<String, Value>>,
    /// The body, which is sent as JSON or as a form.
    request_body: Option<Value>,
    /// The encoding of the body: RequestBodyEncoding NONE or URL_ENCODED, and RequestEncodingOptions with ArrayFormat.
    transform: Option<Value>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
#[allow(dead_code, reason = "only its schema is used")]
enum HttpMethod {
    Get,
    Post,
    Put,
    Delete,
    Patch,
    Options,
    Head,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "PascalCase", deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used")]
struct ConnectionReference {
    /// The connection's ARN, or its name.
    connection_arn: String,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "PascalCase")]
#[allow(dead_code, reason = "only its schema is used")]
struct HttpOutput {
    /// The headers of the answer; each is a list.
    headers: BTreeMap<String, Vec<String>>,
    /// The body: JSON, or a text if it is no JSON.
    response_body: Value,
    /// The status, such as 200.
    status_code: u16,
    /// The status in words, such as OK.
    status_text: String,
}

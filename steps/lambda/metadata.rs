//! The part of a result in which Step Functions describes the HTTP answer: `SdkHttpMetadata`.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_lambda::config::{
    ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeDeserializationInterceptorContextRef,
};
use serde_json::{Map, Value, json};

/// Records status and headers of an answer when it arrives.
#[derive(Debug, Clone, Default)]
pub(super) struct Metadata {
    fields: Arc<Mutex<Map<String, Value>>>,
}

impl Metadata {
    /// `SdkHttpMetadata`, once the answer has arrived.
    pub fn fields(&self) -> Map<String, Value> {
        self.fields.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Intercept for Metadata {
    fn name(&self) -> &'static str {
        "SdkHttpMetadata"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let response = context.response();
        let (mut all, mut last) = (Map::new(), Map::new());
        for (name, value) in response.headers() {
            let name = as_aws_writes(name);
            let values = all.entry(name.clone()).or_insert_with(|| json!([]));
            if let Some(values) = values.as_array_mut() {
                values.push(value.into());
            }
            last.insert(name, value.into());
        }
        let metadata = json!({
            "AllHttpHeaders": all, "HttpHeaders": last, "HttpStatusCode": response.status().as_u16(),
        });
        self.fields.lock().unwrap_or_else(PoisonError::into_inner).insert("SdkHttpMetadata".to_owned(), metadata);
        Ok(())
    }
}

/// Headers arrive in lower case. AWS shows them in the case in which its services write them.
fn as_aws_writes(name: &str) -> String {
    match name {
        "x-amzn-requestid" => return "x-amzn-RequestId".to_owned(),
        "x-amzn-remapped-content-length" => return "x-amzn-Remapped-Content-Length".to_owned(),
        _ => {}
    }
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::as_aws_writes;

    #[test]
    fn a_header_has_the_letters_that_aws_gives_it() {
        assert_eq!(as_aws_writes("content-type"), "Content-Type");
        assert_eq!(as_aws_writes("x-amz-executed-version"), "X-Amz-Executed-Version");
        assert_eq!(as_aws_writes("x-amzn-requestid"), "x-amzn-RequestId");
    }
}

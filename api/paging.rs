//! Lists, a page at a time. A token names the last thing shown, so that what is added or deleted meanwhile shifts nothing.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{Fault, request::Page};

/// How many a page has when the request says nothing (API Reference, ListExecutions, `maxResults`).
const DEFAULT: usize = 100;

impl Page {
    /// How many this page may have.
    pub fn size(&self) -> usize {
        self.max_results.filter(|size| *size > 0).unwrap_or(DEFAULT)
    }

    /// What the last page ended with.
    pub fn after(&self) -> Result<Option<String>, Fault> {
        let Some(token) = &self.next_token else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| {
            let rest = text.strip_prefix(PREFIX)?;
            Some(rest.to_owned())
        });
        text.map(Some).ok_or_else(invalid_token)
    }
}

/// The refusal of a token that no page of ours ended with.
pub(crate) fn invalid_token() -> Fault {
    Fault::new("InvalidToken", "Invalid Token: 'Invalid token'")
}

/// What tells our tokens from other base64.
const PREFIX: &str = "1|";

/// The token of a page that ended with `key`.
pub(crate) fn token(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{PREFIX}{key}"))
}

/// `{"<list>": […], "nextToken": …}` out of everything that there is, each with a key that sorts.
pub(crate) fn page(list: &str, page: &Page, mut all: Vec<(String, Value)>) -> Result<Value, Fault> {
    let (size, after) = (page.size(), page.after()?);
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    if let Some(after) = after {
        all.retain(|(key, _)| *key > after);
    }
    let more = all.len() > size;
    all.truncate(size);
    let last = all.last().map(|(key, _)| token(key));
    let mut answer = serde_json::Map::new();
    answer.insert(list.to_owned(), all.into_iter().map(|(_, value)| value).collect());
    if let Some(token) = last.filter(|_| more) {
        answer.insert("nextToken".to_owned(), token.into());
    }
    Ok(Value::Object(answer))
}

/// A key that sorts what is newer first.
pub(crate) fn newest_first(at_ms: u64, name: &str) -> String {
    format!("{:020} {name}", u64::MAX - at_ms)
}

//! Pages of lists. A token names the last item shown, so that items added or deleted meanwhile do not shift the next
//! page.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use engine::store::Store;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{Fault, records::set, request::Page};

/// The size of a page if the request has none (API Reference, ListExecutions, `maxResults`).
const DEFAULT: usize = 100;

/// The most items that are read for one page. If a filter skips more than these, the page has fewer entries than requested, and a token
/// (API Reference, ListExecutions: a page may have fewer results than `maxResults`).
pub(crate) const EXAMINED_MAX: usize = 1_000;

impl Page {
    /// The most items on this page.
    pub fn size(&self) -> usize {
        self.max_results.filter(|size| *size > 0).unwrap_or(DEFAULT)
    }

    /// The key of the last item on the previous page.
    pub fn after(&self) -> Result<Option<String>, Fault> {
        let Some(token) = &self.next_token else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| {
            let rest = text.strip_prefix(PREFIX)?;
            Some(rest.to_owned())
        });
        text.map(Some).ok_or_else(Fault::invalid_token)
    }
}

/// The prefix that distinguishes flow's tokens from other base64.
const PREFIX: &str = "1|";

/// The token of a page that ended with `key`.
pub(crate) fn token(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{PREFIX}{key}"))
}

/// A page of the documents whose names start with `prefix`, in the order of names. Besides the documents of the page, reads one more
/// document and those that `show` skips.
pub(crate) fn documents<T: DeserializeOwned>(
    store: &Store,
    (list, prefix): (&str, &str),
    page: &Page,
    mut show: impl FnMut(T) -> Result<Option<Value>, Fault>,
) -> Result<Value, Fault> {
    let size = page.size();
    let mut after = page.after()?.map(|after| format!("{prefix}{after}"));
    let (mut shown, mut more) = (Vec::new(), true);
    while more && shown.len() < size {
        let wanted = size - shown.len();
        let mut found = store.documents::<T>(prefix, after.as_deref(), wanted + 1)?;
        more = found.len() > wanted;
        found.truncate(wanted);
        for (name, document) in found {
            shown.extend(show(document)?);
            after = Some(name);
        }
    }
    let mut answer = json!({ list: shown });
    let last = after.filter(|_| more).and_then(|after| after.strip_prefix(prefix).map(token));
    set(&mut answer, "nextToken", last);
    Ok(answer)
}

/// Parses a key of [`newest_first`] to its time and its name.
pub(crate) fn of_newest_first(key: &str) -> Option<(u64, &str)> {
    let (time, name) = key.split_once(' ')?;
    let is_time = time.len() == 20 && time.bytes().all(|digit| digit.is_ascii_digit());
    let time: u64 = time.parse().ok().filter(|_| is_time)?;
    Some((u64::MAX - time, name))
}

/// A key that sorts newer items first.
pub(crate) fn newest_first(at_ms: u64, name: &str) -> String {
    format!("{:020} {name}", u64::MAX - at_ms)
}

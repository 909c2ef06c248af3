//! A JUnit report: a test suite for each execution, a test case for each section. CI systems show it as they show tests.
//!
//! The elements and attributes are those that Jenkins' xUnit schema and GitLab read: `testsuite`, `testcase`, `failure`, `skipped`.

use api::view::{StateStatus, StateView, View, is_or_is_inside};
use engine::journal::ErrorAndCause;

use super::{
    lines::title,
    text::{error_and_cause, rfc3339},
};

/// The report of these executions.
pub fn report<'v>(views: impl Iterator<Item = &'v View>) -> String {
    let suites: String = views.map(suite).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"flow\">\n{suites}</testsuites>\n")
}

fn suite(view: &View) -> String {
    let cases: Vec<Case> = view.sections.iter().map(|section| case(view, &section.path, &section.name)).collect();
    let count = |wanted: &str| cases.iter().filter(|case| case.element == wanted).count();
    let ended_ms = view.stopped_ms.unwrap_or_else(|| latest_ms(view));
    let mut text = format!(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\" timestamp=\"{}\">\n",
        escaped(&view.id),
        cases.len(),
        count("failure"),
        usize::from(count("failure") == 0 && view.failure.is_some()),
        count("skipped"),
        seconds(view.active_ms(view.started_ms, ended_ms)),
        rfc3339(view.started_ms),
    );
    cases.iter().for_each(|case| text.push_str(&case.xml(&view.id)));
    if let Some(ErrorAndCause { error, cause }) = view.failure.as_ref().filter(|_| count("failure") == 0) {
        text.push_str(&format!("    <system-err>{}: {}</system-err>\n", escaped(error), escaped(cause)));
    }
    text.push_str("  </testsuite>\n");
    text
}

struct Case {
    name: String,
    took_ms: u64,
    /// `failure`, `skipped`, or none for a section that was left.
    element: &'static str,
    message: String,
    text: String,
}

fn case(view: &View, path: &str, name: &str) -> Case {
    let case =
        |took_ms, element, message: String, text| Case { name: name.to_owned(), took_ms, element, message, text };
    let Some(state) = view.states.get(path) else {
        return case(0, "skipped", "not entered".to_owned(), String::new());
    };
    let took_ms = view.active_ms(state.entered_ms, until_ms(view, state));
    match &state.status {
        StateStatus::Exited { .. } => return case(took_ms, "", String::new(), String::new()),
        // The workflow continued: only a failure that ended the execution makes a CI system fail.
        StateStatus::Caught { failure, .. } => {
            return case(took_ms, "skipped", format!("{}, caught", failure.error), failure.cause.clone());
        }
        _ => {}
    }
    let failed = view.failed_state().filter(|failed| is_or_is_inside(&failed.path, path));
    match failed.zip(view.failure.as_ref()) {
        Some((failed, ErrorAndCause { error, cause })) => {
            let text = format!("{}\n{}", title(view, &failed.path), error_and_cause(error, cause));
            case(took_ms, "failure", error.clone(), text)
        }
        None => case(took_ms, "skipped", "not finished".to_owned(), String::new()),
    }
}

fn until_ms(view: &View, state: &StateView) -> u64 {
    state.status.stopped_ms().or(view.stopped_ms).unwrap_or_else(|| latest_ms(view))
}

/// The latest time that a view of an execution that has not ended contains.
fn latest_ms(view: &View) -> u64 {
    let latest = view.states.values().map(|state| match &state.status {
        StateStatus::Waiting(wait) => wait.polled_ms,
        status => status.stopped_ms().unwrap_or(state.entered_ms),
    });
    latest.max().unwrap_or(view.started_ms)
}

impl Case {
    fn xml(&self, id: &str) -> String {
        let head = format!(
            "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
            escaped(id),
            escaped(&self.name),
            seconds(self.took_ms)
        );
        let (element, message) = (self.element, escaped(&self.message));
        match (element, self.text.as_str()) {
            ("", _) => format!("{head}/>\n"),
            (_, "") => format!("{head}>\n      <{element} message=\"{message}\"/>\n    </testcase>\n"),
            (_, text) => format!(
                "{head}>\n      <{element} message=\"{message}\">{}</{element}>\n    </testcase>\n",
                escaped(text)
            ),
        }
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Text for XML 1.0, without the control characters that it forbids.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\n' | '\t' => xml.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => xml.push('\u{fffd}'),
            c => xml.push(c),
        }
    }
    xml
}

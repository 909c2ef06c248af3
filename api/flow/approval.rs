//! Answers an approval, which a `flow:approval:request` state requests.

use engine::{
    journal::{ErrorAndCause, Signaller},
    machine::FrameRow,
    step::Approval,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::unanswerable::is_named;
use crate::{Api, Fault, Operation};

/// The error name of a rejected approval; `Catch` can match it.
pub const REJECTED: &str = "Approval.Rejected";

/// The kind of the fault of an answer by a user who may not give it.
pub const NOT_ALLOWED: &str = "ApprovalNotAllowed";

/// Approves or rejects an approval.
pub struct AnswerApproval;

/// A request of [`AnswerApproval`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerApprovalRequest {
    /// The execution's id.
    pub id: String,
    /// The state's name or path. `None` if only one approval waits.
    pub state: Option<String>,
    /// The answer.
    pub decision: Decision,
    /// Who answers; recorded in the history.
    pub by: Signaller,
    /// The groups of this machine that the user belongs to.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// The approval is granted.
    Approve {
        /// One of the approval's choices, if it has any.
        choice: Option<String>,
        /// The values of the approval's fields.
        fields: Map<String, Value>,
    },
    /// The approval is rejected: the task fails with [`REJECTED`]. The cause names the state, the user and the comment.
    Reject,
}

/// The response of [`AnswerApproval`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerApprovalResponse {
    /// The path of the state that was answered.
    pub state: String,
}

impl Operation for AnswerApproval {
    const NAME: &'static str = "Flow.AnswerApproval";
    type Request = AnswerApprovalRequest;
    type Response = AnswerApprovalResponse;

    async fn answer(api: &Api, request: AnswerApprovalRequest) -> Result<AnswerApprovalResponse, Fault> {
        let AnswerApprovalRequest { id, state, decision, by, groups } = request;
        let header = api.header_of(&id)?;
        if let Some(ended) = api.ended(&header, state.as_deref())? {
            return Err(ended);
        }
        let row = api.approval_row(&id, state.as_deref()).await?;
        if let Some(timed_out) = api.timed_out(&header, &row) {
            return Err(timed_out);
        }
        let approval = approval_of(&row).cloned().unwrap_or_default();
        let problems_of = |schema: &Value, value: &Value| api.options.host.problems_of_value(schema, value);
        let answer = Answer { decision, by: &by, groups: &groups, now_ms: api.now_ms() };
        let outcome = outcome_of(&approval, &row.state_path(), answer, problems_of)?;
        let path = row.state_path();
        match api.answer_row(&id, &row, outcome, by).await? {
            true => Ok(AnswerApprovalResponse { state: path }),
            false => {
                let otherwise = format!("\"{path}\" of {id} does not wait any more");
                Err(api.unanswerable(&id, Some(&path), otherwise).await?)
            }
        }
    }
}

impl Api {
    /// Finds the frame of the approval to answer.
    async fn approval_row(&self, id: &str, state: Option<&str>) -> Result<FrameRow, Fault> {
        let mut rows = self.runner.store().frames(id)?;
        rows.retain(|row| approval_of(row).is_some());
        let all: Vec<String> = rows.iter().map(|row| format!("\"{}\"", row.state_path())).collect();
        rows.retain(|row| state.is_none_or(|state| is_named(row, state)));
        if rows.len() == 1 {
            return Ok(rows.remove(0));
        }
        let otherwise = match all.is_empty() {
            true => format!("no approval waits in {id}"),
            false => format!("name one of the approvals that wait in {id}: {}", all.join(", ")),
        };
        // Without a name, an answer is ambiguous only among approvals that wait.
        Err(match rows.is_empty() && (state.is_some() || all.is_empty()) {
            true => self.unanswerable(id, state, otherwise).await?,
            false => Fault::new("TaskDoesNotExist", otherwise),
        })
    }
}

/// A person's answer to an approval.
#[derive(Debug, Clone)]
pub struct Answer<'a> {
    /// The decision.
    pub decision: Decision,
    /// Who answers.
    pub by: &'a Signaller,
    /// The groups that the user belongs to.
    pub groups: &'a [String],
    /// When, in milliseconds since the Unix epoch.
    pub now_ms: u64,
}

/// The outcome that an answer gives to the task of an approval, on every engine. `problems_of` validates a value against a schema.
///
/// # Errors
/// The user may not answer, or the approval does not have the choice or the fields.
pub fn outcome_of(
    approval: &Approval,
    state_path: &str,
    answer: Answer<'_>,
    problems_of: impl Fn(&Value, &Value) -> Vec<String>,
) -> Result<Result<Value, ErrorAndCause>, Fault> {
    let Answer { decision, by, groups, now_ms } = answer;
    if !approval.may_answer(&by.user, groups) {
        let groups = approval.groups.iter().map(|name| format!("group {name}"));
        let who: Vec<_> = approval.users.iter().cloned().chain(groups).collect();
        let message = format!("{} may not answer \"{state_path}\": {} may", by.user, who.join(", "));
        return Err(Fault::new(NOT_ALLOWED, message));
    }
    let (choice, fields) = match decision {
        Decision::Approve { choice, fields } => (choice, fields),
        Decision::Reject => {
            let comment = by.comment.as_ref().map_or_else(String::new, |comment| format!(": {comment}"));
            let cause = format!("\"{state_path}\" was rejected by {} on {}{comment}", by.user, by.host);
            return Ok(Err(ErrorAndCause { error: REJECTED.to_owned(), cause }));
        }
    };
    let invalid = |message: String| Fault::new("InvalidApproval", format!("{message}; nothing was answered"));
    let choice = match (choice, approval.choices.as_slice()) {
        (None, []) => "approve".to_owned(),
        (Some(choice), choices) if choices.contains(&choice) => choice,
        (Some(choice), []) => {
            return Err(invalid(format!(
                "the approval has no choices, so '{choice}' cannot be chosen: approve it without --choice"
            )));
        }
        (_, choices) => return Err(invalid(format!("choose one of {}", choices.join(", ")))),
    };
    let fields = Value::Object(fields);
    let problems = match &approval.fields {
        Some(schema) => {
            let mut problems = problems_of(schema, &fields);
            problems.extend(undeclared(schema, &fields));
            problems
        }
        None if fields.as_object().is_some_and(|fields| !fields.is_empty()) => {
            vec!["the approval has no fields to fill in".to_owned()]
        }
        None => Vec::new(),
    };
    if !problems.is_empty() {
        return Err(invalid(problems.join("; ")));
    }
    let time = i64::try_from(now_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    Ok(Ok(json!({
        "Choice": choice, "Fields": fields, "User": by.user, "Host": by.host, "Comment": by.comment,
        "Time": time.map(|time| time.to_string()).unwrap_or_default(),
    })))
}

/// Reports a field that the schema does not declare: most likely a misspelling. A schema allows more with
/// `additionalProperties`.
fn undeclared(schema: &Value, fields: &Value) -> Option<String> {
    let declared = schema["properties"].as_object()?;
    if schema.get("additionalProperties").is_some() || schema.get("patternProperties").is_some() {
        return None;
    }
    let unknown = fields.as_object()?.keys().find(|name| !declared.contains_key(*name))?;
    let names: Vec<&str> = declared.keys().map(String::as_str).collect();
    Some(format!("there is no field '{unknown}': the fields are {}", names.join(", ")))
}

/// The resource of a Task that a person answers.
pub const APPROVAL: &str = "flow:approval:request";

/// The approval that a frame waits for.
pub fn approval_of(row: &FrameRow) -> Option<&Approval> {
    row.instructions()?.approval.as_deref()
}

//! A definition after parsing: names resolved, expressions compiled, limits checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use crate::{
    journal::StateType,
    query::{Comparison, Expression, Path, PayloadTemplate, Query},
    step::{Pattern, Resource},
};

/// A state machine, or the machine inside a branch of a Parallel or a Map's ItemProcessor.
#[derive(Debug, Clone)]
pub struct StateMachine {
    /// `Comment`.
    pub comment: Option<String>,
    /// `StartAt`.
    pub start_at: String,
    /// `States`.
    pub states: BTreeMap<String, Arc<State>>,
    /// `TimeoutSeconds` of the whole execution (top level only).
    pub timeout_seconds: Option<u64>,
    /// Whether the cost of every evaluation is a small constant times the size of what it sees.
    pub is_cheap: bool,
    /// The ARNs of the activities that its Tasks name, those of inner machines included.
    pub activities: BTreeSet<Arc<str>>,
}

/// The language of a state's expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryLanguage {
    /// JSONPath, the default.
    JsonPath,
    /// JSONata.
    Jsonata,
}

impl QueryLanguage {
    /// The name that a definition writes.
    pub fn name(self) -> &'static str {
        match self {
            QueryLanguage::JsonPath => "JSONPath",
            QueryLanguage::Jsonata => "JSONata",
        }
    }
}

/// One state.
#[derive(Debug, Clone)]
pub struct State {
    /// Its name in `States`.
    pub name: Arc<str>,
    /// The fields all types share.
    pub common: Common,
    /// The fields of its type.
    pub kind: StateKind,
}

/// Fields that most types of state share.
#[derive(Debug, Clone)]
pub struct Common {
    /// `Comment`.
    pub comment: Option<String>,
    /// The language of this state's expressions.
    pub query_language: QueryLanguage,
    /// `Next`; `None` means `End: true` (or a terminal type).
    pub next: Option<String>,
    /// `Assign`, evaluated with the variables as they were when the state was entered; its value is an object.
    pub assign: Option<Template>,
    /// `Output` (JSONata).
    pub output: Option<Template>,
    /// What selects and places data (JSONPath).
    pub paths: Paths,
    /// `Retry`, in order.
    pub retry: Vec<Retrier>,
    /// `Catch`, in order.
    pub catch: Vec<Catcher>,
}

/// The fields with which a JSONPath state selects and places data; in a JSONata state all are as where they are absent.
#[derive(Debug, Clone, Default)]
pub struct Paths {
    /// `InputPath`: what of the state's input it works with.
    pub input: Selection,
    /// `ResultSelector`.
    pub result_selector: Option<Template>,
    /// `ResultPath`: where in the state's input the result goes.
    pub result: Selection,
    /// `OutputPath`: what of that is the output.
    pub output: Selection,
}

/// A part of a value.
#[derive(Debug, Clone, Default)]
pub enum Selection {
    /// All of it: the field is absent, or `$`.
    #[default]
    Whole,
    /// None: the field is null.
    Nothing,
    /// What a path points at.
    Path(Arc<Path>),
}

/// The types of state.
#[expect(missing_docs, reason = "the variants say what their fields are")]
#[derive(Debug, Clone)]
pub enum StateKind {
    /// Pass: `Result`, else `Parameters`, else the input.
    Pass { result: Option<Value>, parameters: Option<Template> },
    /// Task.
    Task(Task),
    /// Choice: rules in order; where no rule fits and there is no default, `States.NoChoiceMatched`.
    Choice { rules: Vec<ChoiceRule>, default: Option<String> },
    /// Wait.
    Wait(Wait),
    /// Succeed.
    Succeed,
    /// Fail.
    Fail { error: Option<Template>, cause: Option<Template> },
    /// Parallel.
    Parallel { arguments: Option<Template>, branches: Vec<Arc<StateMachine>> },
    /// Map.
    Map(Map),
}

impl StateKind {
    /// The type's name.
    pub fn state_type(&self) -> StateType {
        match self {
            StateKind::Pass { .. } => StateType::Pass,
            StateKind::Task(_) => StateType::Task,
            StateKind::Choice { .. } => StateType::Choice,
            StateKind::Wait(_) => StateType::Wait,
            StateKind::Succeed => StateType::Succeed,
            StateKind::Fail { .. } => StateType::Fail,
            StateKind::Parallel { .. } => StateType::Parallel,
            StateKind::Map(_) => StateType::Map,
        }
    }

    /// The ARNs of the activities that it names, those of inner machines included.
    pub(super) fn activities(&self) -> Vec<Arc<str>> {
        match self {
            StateKind::Task(task) if Resource::parse(&task.resource) == Resource::Activity => {
                vec![task.resource.clone()]
            }
            StateKind::Parallel { branches, .. } => {
                branches.iter().flat_map(|branch| branch.activities.iter().cloned()).collect()
            }
            StateKind::Map(map) => map.processor.activities.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }
}

/// Fields of a Task.
#[derive(Debug, Clone)]
pub struct Task {
    /// `Resource`, such as `flow:ec2:createVpc`.
    pub resource: Arc<str>,
    /// `Arguments` or `Parameters`; `None` passes the state's input.
    pub arguments: Option<Template>,
    /// `TimeoutSeconds`: a number or an expression.
    pub timeout_seconds: Option<Template>,
    /// `HeartbeatSeconds`: a number or an expression.
    pub heartbeat_seconds: Option<Template>,
    /// `Credentials`: the role that the call is made with.
    pub credentials: Option<Template>,
}

impl Task {
    /// Whether its token stands in the context object: where somebody may bring it back, and for steps of ours.
    pub fn has_token(&self) -> bool {
        self.waits_for_token() || matches!(Resource::parse(&self.resource), Resource::Step { .. })
    }

    /// Whether somebody must bring its token back.
    pub fn waits_for_token(&self) -> bool {
        let pattern = Pattern::WaitForTaskToken;
        matches!(Resource::parse(&self.resource), Resource::Integration { pattern: found, .. } if found == pattern)
    }
}

/// The forms of Wait.
#[derive(Debug, Clone)]
pub enum Wait {
    /// `Seconds`: a number or an expression, 0 to 99,999,999.
    Seconds(Template),
    /// `Timestamp`: RFC 3339, or an expression.
    Timestamp(Template),
}

/// Fields of a Map.
#[derive(Debug, Clone)]
pub struct Map {
    /// `Items` or `ItemsPath`; `None` takes the state's input.
    pub items: Option<Template>,
    /// `ItemSelector`, or `Parameters` as it was called before.
    pub item_selector: Option<Template>,
    /// `ItemBatcher`: iterations get several items.
    pub item_batcher: Option<ItemBatcher>,
    /// `ItemReader`: where the items come from.
    pub item_reader: Option<ItemReader>,
    /// `ResultWriter`: where the results go.
    pub result_writer: Option<ResultWriter>,
    /// Mode DISTRIBUTED: iterations have histories of their own, and failures may be tolerated.
    pub distributed: bool,
    /// `ExecutionType` EXPRESS of a distributed Map's child executions.
    pub is_express: bool,
    /// `Label`, for the map run's ARN.
    pub label: Option<String>,
    /// `MaxConcurrency`; 0 means as many as the machine allows.
    pub max_concurrency: Option<Template>,
    /// `ToleratedFailureCount`.
    pub tolerated_failure_count: Option<Template>,
    /// `ToleratedFailurePercentage`.
    pub tolerated_failure_percentage: Option<Template>,
    /// `ItemProcessor`.
    pub processor: Arc<StateMachine>,
    /// What the definition calls it: `ItemProcessor`, or `Iterator` as it was called before.
    pub processor_field: &'static str,
}

/// `ItemReader` of a distributed Map.
#[derive(Debug, Clone)]
pub struct ItemReader {
    /// `Resource`.
    pub resource: Arc<str>,
    /// `Arguments` or `Parameters`.
    pub arguments: Template,
    /// `InputType` of `ReaderConfig`.
    pub input_type: InputType,
    /// What the call answers names the files that hold the items.
    pub through: Option<Through>,
    /// `ItemsPointer`: where in a JSON text the array stands (RFC 6901).
    pub items_pointer: Option<String>,
    /// `MaxItems`.
    pub max_items: Option<Template>,
}

/// What stands between an `ItemReader`'s call and the files with the items (Developer Guide, "ItemReader (Map)").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// `ManifestType` `S3_INVENTORY`: a JSON manifest that names columns and files of comma separated values.
    S3Inventory,
    /// `ManifestType` `ATHENA_DATA`: a line for each file.
    AthenaData,
    /// `Transformation` `LOAD_AND_FLATTEN`: the objects of a listing.
    LoadAndFlatten,
}

/// What an `ItemReader` reads (Developer Guide, "ItemReader (Map)").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputType {
    /// A JSON array.
    Json,
    /// A JSON value in each line.
    JsonLines,
    /// Lines of fields: `CSVDelimiter`, and `CSVHeaders` where the first line has none.
    Csv {
        /// One character.
        delimiter: u8,
        /// The fields' names; `None` takes those of the first line.
        headers: Option<Vec<String>>,
    },
}

/// `ResultWriter` of a distributed Map.
#[derive(Debug, Clone)]
pub struct ResultWriter {
    /// `Resource`; `None` leaves the results to the state's output.
    pub resource: Option<Arc<str>>,
    /// `Arguments` or `Parameters`.
    pub arguments: Template,
    /// `Transformation` of `WriterConfig`, where there is one.
    pub transformation: Option<Transformation>,
    /// Whether `OutputType` is JSONL: a line for each result.
    pub lines: bool,
}

/// What a `ResultWriter` makes of the results (Developer Guide, "ResultWriter (Map)").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transformation {
    /// `NONE`: the outputs with what is known of their child executions.
    None,
    /// `COMPACT`: the outputs.
    Compact,
    /// `FLATTEN`: the outputs, of which arrays are joined.
    Flatten,
}

/// `ItemBatcher` of a distributed Map.
#[derive(Debug, Clone)]
pub struct ItemBatcher {
    /// `MaxItemsPerBatch`.
    pub max_items: Option<Template>,
    /// `MaxInputBytesPerBatch`.
    pub max_input_bytes: Option<Template>,
    /// `BatchInput`: what every batch gets beside its items.
    pub batch_input: Option<Template>,
}

/// What a rule of a Choice asks.
#[derive(Debug, Clone)]
pub enum Condition {
    /// JSONata: an expression that answers true or false.
    Expression(Template),
    /// JSONPath: all of these.
    And(Vec<Condition>),
    /// JSONPath: one of these.
    Or(Vec<Condition>),
    /// JSONPath: not this.
    Not(Box<Condition>),
    /// JSONPath: a comparison.
    Comparison(Arc<Comparison>),
}

/// One rule of a Choice.
#[derive(Debug, Clone)]
pub struct ChoiceRule {
    /// What it asks.
    pub condition: Condition,
    /// `Next`.
    pub next: String,
    /// `Assign`.
    pub assign: Option<Template>,
    /// `Output`.
    pub output: Option<Template>,
}

/// One rule of `Retry`.
#[derive(Debug, Clone)]
pub struct Retrier {
    /// `ErrorEquals`.
    pub error_equals: Vec<String>,
    /// `IntervalSeconds`, default 1.
    pub interval_seconds: u64,
    /// `MaxAttempts`, default 3; 0 means never retry.
    pub max_attempts: u32,
    /// `BackoffRate`, default 2.0, at least 1.0.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`.
    pub max_delay_seconds: Option<u64>,
    /// `JitterStrategy`, default NONE.
    pub jitter_strategy: JitterStrategy,
}

/// `JitterStrategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JitterStrategy {
    /// The delay as computed.
    None,
    /// A random part of it.
    Full,
}

/// One rule of `Catch`.
#[derive(Debug, Clone)]
pub struct Catcher {
    /// `ErrorEquals`.
    pub error_equals: Vec<String>,
    /// `Next`.
    pub next: String,
    /// `Assign`.
    pub assign: Option<Template>,
    /// `Output`.
    pub output: Option<Template>,
    /// `ResultPath` (JSONPath): where in the state's input the error goes.
    pub result: Selection,
}

/// A JSON value in which some strings are expressions.
#[expect(missing_docs, reason = "the variants say what their fields are")]
#[derive(Debug, Clone)]
pub enum Template {
    /// No expression inside.
    Literal(Value),
    /// The whole value is one expression; `pointer` is where it stands in the state, such as `/Arguments/cidr`.
    Expression { expression: Arc<Expression>, pointer: String },
    /// An array with an expression somewhere inside.
    Array(Vec<Template>),
    /// An object with an expression somewhere inside, in the definition's order.
    Object(Vec<(String, Template)>),
    /// A JSONPath payload template, with a `"name.$"` somewhere inside.
    Payload(Arc<PayloadTemplate>),
    /// The path or intrinsic call of a field such as `SecondsPath`.
    Query { query: Arc<Query>, field: &'static str },
}

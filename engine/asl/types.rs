//! A definition after parsing: names resolved, expressions compiled, limits checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::raw::InnerKind;
use crate::{
    journal::StateType,
    query::{Comparison, Expression, Path, PayloadTemplate, Query},
    step::{Pattern, Resource},
};

/// The longest name of a state, in characters. Source: Step Functions Developer Guide, "State machine structure".
pub const STATE_NAME_CHARACTERS_MAX: usize = 80;
/// The longest label of a distributed Map. Source: Developer Guide, "Using Map state in Distributed mode".
pub(crate) const LABEL_CHARACTERS_MAX: usize = 40;

/// A state machine, or the machine inside a branch of a Parallel or a Map's ItemProcessor.
#[derive(Debug, Clone)]
pub struct StateMachine {
    /// `Comment`.
    pub comment: Option<String>,
    /// `StartAt`.
    pub start_at: String,
    /// `States`.
    pub states: BTreeMap<String, Arc<State>>,
    /// `TimeoutSeconds` of the execution (top level only).
    pub timeout_seconds: Option<u64>,
    /// Whether the cost of every evaluation is at most a small constant times the size of its scope.
    pub is_cheap: bool,
    /// The ARNs of the activities that its Tasks name, including those of nested machines.
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
    /// The name in a definition.
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
    /// The fields that select and insert data (JSONPath).
    pub paths: Paths,
    /// `Retry`, in order.
    pub retry: Vec<Retrier>,
    /// `Catch`, in order.
    pub catch: Vec<Catcher>,
}

/// The fields with which a JSONPath state selects and inserts data. In a JSONata state all have their defaults.
#[derive(Debug, Clone, Default)]
pub struct Paths {
    /// `InputPath`: selects the effective input.
    pub input: Selection,
    /// `ResultSelector`.
    pub result_selector: Option<Template>,
    /// `ResultPath`: where the result is inserted into the state's input.
    pub result: Selection,
    /// `OutputPath`: selects the output.
    pub output: Selection,
}

/// A selection of a value.
#[derive(Debug, Clone, Default)]
pub enum Selection {
    /// All of the value: the field is absent, or `$`.
    #[default]
    Whole,
    /// No value: the field is null.
    Nothing,
    /// The value of a path.
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
    /// Choice: rules in order. If no rule matches and no default exists, the state fails with `States.NoChoiceMatched`.
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

impl State {
    /// The machines inside it, each with how it contains them.
    pub fn machines(&self) -> Vec<(InnerKind, &Arc<StateMachine>)> {
        match &self.kind {
            StateKind::Parallel { branches, .. } => {
                let count = branches.len();
                let branches = branches.iter().enumerate();
                branches.map(|(index, branch)| (InnerKind::Branch { index, count }, branch)).collect()
            }
            StateKind::Map(map) => vec![(InnerKind::Processor { field: map.processor_field }, &map.processor)],
            _ => Vec::new(),
        }
    }
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

    /// The ARNs of the activities that it names, including those of nested machines.
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
    /// Whether the context object has its task token: if it waits for the token, and for our steps.
    pub fn has_token(&self) -> bool {
        self.waits_for_token() || matches!(Resource::parse(&self.resource), Resource::Step { .. })
    }

    /// Whether it waits until its token is returned.
    pub(crate) fn waits_for_token(&self) -> bool {
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
    /// `ItemSelector`, or `Parameters`, its earlier name.
    pub item_selector: Option<Template>,
    /// `ItemBatcher`: each iteration gets several items.
    pub item_batcher: Option<ItemBatcher>,
    /// `ItemReader`: the source of the items.
    pub item_reader: Option<ItemReader>,
    /// `ResultWriter`: the destination of the results.
    pub result_writer: Option<ResultWriter>,
    /// Mode DISTRIBUTED: iterations have their own histories, and failures may be tolerated.
    pub distributed: bool,
    /// `ExecutionType` EXPRESS of a distributed Map's child executions.
    pub is_express: bool,
    /// `Label`, for the map run's ARN.
    pub label: Option<String>,
    /// `MaxConcurrency`; 0 means the service's limit.
    pub max_concurrency: Option<Template>,
    /// `ToleratedFailureCount`.
    pub tolerated_failure_count: Option<Template>,
    /// `ToleratedFailurePercentage`.
    pub tolerated_failure_percentage: Option<Template>,
    /// `ItemProcessor`.
    pub processor: Arc<StateMachine>,
    /// The field's name in the definition: `ItemProcessor`, or `Iterator`, its earlier name.
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
    /// Set if the call's answer names the files that contain the items.
    pub through: Option<Through>,
    /// `ItemsPointer`: the pointer to the array in a JSON text (RFC 6901).
    pub items_pointer: Option<String>,
    /// `MaxItems`.
    pub max_items: Option<Template>,
}

/// The format of the list that names the files with the items (Developer Guide, "ItemReader (Map)").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// `ManifestType` `S3_INVENTORY`: a JSON manifest that names columns and CSV files.
    S3Inventory,
    /// `ManifestType` `ATHENA_DATA`: a line for each file.
    AthenaData,
    /// `Transformation` `LOAD_AND_FLATTEN`: the objects of a listing.
    LoadAndFlatten,
}

/// The format of the data that an `ItemReader` reads (Developer Guide, "ItemReader (Map)").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputType {
    /// A JSON array.
    Json,
    /// A JSON value in each line.
    JsonLines,
    /// CSV: `CSVDelimiter`, and `CSVHeaders` if the first line has none.
    Csv {
        /// The delimiter, one character.
        delimiter: u8,
        /// The names of the fields; `None` if the first line has them.
        headers: Option<Vec<String>>,
    },
}

/// `ResultWriter` of a distributed Map.
#[derive(Debug, Clone)]
pub struct ResultWriter {
    /// `Resource`; `None` if the results are only the state's output.
    pub resource: Option<Arc<str>>,
    /// `Arguments` or `Parameters`.
    pub arguments: Template,
    /// `Transformation` of `WriterConfig`.
    pub transformation: Option<Transformation>,
    /// Whether `OutputType` is JSONL: a line for each result.
    pub lines: bool,
}

/// The transformation of the results by a `ResultWriter` (Developer Guide, "ResultWriter (Map)").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transformation {
    /// `NONE`: the outputs with the records of their child executions.
    None,
    /// `COMPACT`: the outputs.
    Compact,
    /// `FLATTEN`: the outputs, with arrays concatenated.
    Flatten,
}

/// `ItemBatcher` of a distributed Map.
#[derive(Debug, Clone)]
pub struct ItemBatcher {
    /// `MaxItemsPerBatch`.
    pub max_items: Option<Template>,
    /// `MaxInputBytesPerBatch`.
    pub max_input_bytes: Option<Template>,
    /// `BatchInput`: the input that every batch gets besides its items.
    pub batch_input: Option<Template>,
}

/// The condition of a Choice rule.
#[derive(Debug, Clone)]
pub enum Condition {
    /// JSONata: an expression whose result is a boolean.
    Expression(Template),
    /// JSONPath: all of these are true.
    And(Vec<Condition>),
    /// JSONPath: at least one of these is true.
    Or(Vec<Condition>),
    /// JSONPath: this is false.
    Not(Box<Condition>),
    /// JSONPath: a comparison.
    Comparison(Arc<Comparison>),
}

/// One rule of a Choice.
#[derive(Debug, Clone)]
pub struct ChoiceRule {
    /// The condition.
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
    /// `IntervalSeconds`, at least 1.
    pub interval_seconds: u64,
    /// `MaxAttempts`; 0 means never retry.
    pub max_attempts: u32,
    /// `BackoffRate`, at least 1.0.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`.
    pub max_delay_seconds: Option<u64>,
    /// `JitterStrategy`, default NONE.
    pub jitter_strategy: JitterStrategy,
}

/// The defaults of the fields that a rule does not have. Source: Amazon States Language specification, "Retrying after error".
impl Retrier {
    /// `IntervalSeconds`: the delay before the first retry.
    pub const INTERVAL_SECONDS_DEFAULT: u64 = 1;
    /// `MaxAttempts`: the most retries.
    pub const MAX_ATTEMPTS_DEFAULT: u32 = 3;
    /// `BackoffRate`: the factor of each further delay.
    pub const BACKOFF_RATE_DEFAULT: f64 = 2.0;
}

/// `JitterStrategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JitterStrategy {
    /// The computed delay.
    None,
    /// A random delay up to the computed one.
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
    /// `ResultPath` (JSONPath): where the error is inserted into the state's input.
    pub result: Selection,
}

/// A JSON value in which some strings are expressions.
#[expect(missing_docs, reason = "the variants say what their fields are")]
#[derive(Debug, Clone)]
pub enum Template {
    /// A value without expressions.
    Literal(Value),
    /// The entire value is one expression; `pointer` is its location in the state, such as `/Arguments/cidr`.
    Expression { expression: Arc<Expression>, pointer: String },
    /// An array that contains an expression at some depth.
    Array(Vec<Template>),
    /// An object that contains an expression at some depth, in the definition's order.
    Object(Vec<(String, Template)>),
    /// A JSONPath payload template, which contains a `"name.$"` at some depth.
    Payload(Arc<PayloadTemplate>),
    /// The path or the intrinsic call of a field such as `SecondsPath`.
    Query { query: Arc<Query>, field: &'static str },
}

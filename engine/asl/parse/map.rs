//! Parses Map states, inline and distributed.

use serde_json::Value;

use super::{
    super::{ItemBatcher, LABEL_CHARACTERS_MAX, Map, Template, check::below},
    Scope,
    fields::Fields,
    machine, reader,
};
use crate::step::PAYLOAD_BYTES_MAX;

const COUNT_MAX: u64 = 1_000_000_000;
/// The largest batch of a Map, in bytes: it is the input of a child execution.
const BATCH_BYTES_MAX: u64 = PAYLOAD_BYTES_MAX as u64;

/// Parses the fields of a Map.
pub(super) fn map(fields: &mut Fields<'_, '_>, pointer: &str, scope: Scope) -> Option<Map> {
    let items = fields.jsonata("Items").or_else(|| fields.query("ItemsPath"));
    let item_selector = fields.template("ItemSelector").or_else(|| fields.json_path("Parameters"));
    let max_concurrency = fields.number_or_path("MaxConcurrency", "MaxConcurrencyPath", 0..=COUNT_MAX);
    let tolerated_failure_count =
        fields.number_or_path("ToleratedFailureCount", "ToleratedFailureCountPath", 0..=COUNT_MAX);
    let tolerated_failure_percentage = percentage(fields);
    let label = fields.text("Label");
    if label.as_ref().is_some_and(|label| label.is_empty() || label.chars().count() > LABEL_CHARACTERS_MAX) {
        fields.wrong("Label", format!("Label has 1 to {LABEL_CHARACTERS_MAX} characters."));
    }
    let item_batcher = item_batcher(fields);
    let item_reader = reader::item_reader(fields);
    let result_writer = reader::result_writer(fields);
    // `Iterator` is the earlier name of `ItemProcessor`.
    let name = if fields.get("Iterator").is_some() { "Iterator" } else { "ItemProcessor" };
    let Some(processor) = fields.get(name) else {
        fields.missing("ItemProcessor");
        return None;
    };
    let distributed = processor.pointer("/ProcessorConfig/Mode").and_then(Value::as_str) == Some("DISTRIBUTED");
    let is_express =
        distributed && processor.pointer("/ProcessorConfig/ExecutionType").and_then(Value::as_str) == Some("EXPRESS");
    let (at, scope) = (below(pointer, name), scope.within());
    let processor = machine(processor, &at, scope, fields.found)?;
    Some(Map {
        items,
        item_selector,
        item_batcher,
        item_reader,
        result_writer,
        distributed,
        is_express,
        label,
        max_concurrency,
        tolerated_failure_count,
        tolerated_failure_percentage,
        processor,
        processor_field: name,
    })
}

fn percentage(fields: &mut Fields<'_, '_>) -> Option<Template> {
    let name = "ToleratedFailurePercentage";
    let template = fields.template(name);
    if let Some(Template::Literal(value)) = &template
        && !value.as_f64().is_some_and(|percentage| (0.0..=100.0).contains(&percentage))
    {
        fields.wrong(name, format!("{name} must be a number from 0 to 100, not {value}."));
    }
    fields.value_or_path((name, template), "ToleratedFailurePercentagePath")
}

fn item_batcher(fields: &mut Fields<'_, '_>) -> Option<ItemBatcher> {
    let (value, at, language) = (fields.get("ItemBatcher")?, fields.at("ItemBatcher"), fields.language);
    let mut inner = Fields::within(value, &at, fields.base, language, fields.found)?;
    let batcher = ItemBatcher {
        max_items: inner.number_or_path("MaxItemsPerBatch", "MaxItemsPerBatchPath", 1..=COUNT_MAX),
        max_input_bytes: inner.number_or_path(
            "MaxInputBytesPerBatch",
            "MaxInputBytesPerBatchPath",
            1..=BATCH_BYTES_MAX,
        ),
        batch_input: inner.template("BatchInput"),
    };
    if batcher.max_items.is_none() && batcher.max_input_bytes.is_none() {
        inner.wrong("MaxItemsPerBatch", "An ItemBatcher has MaxItemsPerBatch or MaxInputBytesPerBatch.");
    }
    inner.refuse_others();
    Some(batcher)
}

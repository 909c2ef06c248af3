//! Where a distributed Map reads its items and writes its results.

use serde_json::{Value, json};

use super::{
    super::{InputType, ItemReader, ResultWriter, Template},
    fields::Fields,
};

/// `CSVDelimiter` (Developer Guide, "ItemReader (Map)").
const DELIMITERS: &[(&str, u8)] =
    &[("COMMA", b','), ("PIPE", b'|'), ("SEMICOLON", b';'), ("SPACE", b' '), ("TAB", b'\t')];

/// `ItemReader`.
pub(super) fn item_reader(fields: &mut Fields<'_, '_>) -> Option<ItemReader> {
    let (value, at, language) = (fields.get("ItemReader")?, fields.at("ItemReader"), fields.language);
    let mut inner = Fields::new(value, &at, language, fields.found)?;
    let resource = inner.required_text("Resource");
    let arguments = arguments(&mut inner);
    let config = inner.get("ReaderConfig").cloned().unwrap_or_else(|| json!({}));
    inner.refuse_others();
    let config_at = format!("{at}/ReaderConfig");
    let mut config = Fields::new(&config, &config_at, language, fields.found)?;
    let input_type = config.text("InputType");
    let input_type = match input_type.as_deref() {
        None | Some("JSON") => InputType::Json,
        Some("JSONL") => InputType::JsonLines,
        Some("CSV") => csv(&mut config),
        Some(other) => {
            config.wrong("InputType", format!("InputType {other} is not supported; JSON, JSONL and CSV are."));
            InputType::Json
        }
    };
    let max_items = config.number_or_path("MaxItems", "MaxItemsPath", 0..=100_000_000);
    config.refuse_others();
    Some(ItemReader { resource: resource?, arguments, input_type, max_items })
}

fn csv(config: &mut Fields<'_, '_>) -> InputType {
    let delimiter = config.text("CSVDelimiter");
    let delimiter = delimiter.as_deref().unwrap_or("COMMA");
    let known = DELIMITERS.iter().find(|(name, _)| *name == delimiter);
    if known.is_none() {
        config.wrong("CSVDelimiter", "CSVDelimiter must be one of [COMMA, PIPE, SEMICOLON, SPACE, TAB].");
    }
    let names = config.array("CSVHeaders");
    let names: Vec<String> = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let headers = match config.required_text("CSVHeaderLocation").as_deref() {
        Some("GIVEN") => {
            if names.is_empty() {
                config.missing("CSVHeaders");
            }
            Some(names)
        }
        None | Some("FIRST_ROW") => None,
        Some(_) => {
            config.wrong("CSVHeaderLocation", "CSVHeaderLocation must be FIRST_ROW or GIVEN.");
            None
        }
    };
    InputType::Csv { delimiter: known.map_or(b',', |(_, byte)| *byte), headers }
}

/// `ResultWriter`.
pub(super) fn result_writer(fields: &mut Fields<'_, '_>) -> Option<ResultWriter> {
    let (value, at, language) = (fields.get("ResultWriter")?, fields.at("ResultWriter"), fields.language);
    let mut inner = Fields::new(value, &at, language, fields.found)?;
    let resource = inner.required_text("Resource");
    let arguments = arguments(&mut inner);
    inner.refuse_others();
    Some(ResultWriter { resource: resource?, arguments })
}

fn arguments(fields: &mut Fields<'_, '_>) -> Template {
    let arguments = fields.jsonata("Arguments").or_else(|| fields.json_path("Parameters"));
    arguments.unwrap_or_else(|| Template::Literal(json!({})))
}

//! Parses the `ItemReader` and the `ResultWriter` of a distributed Map.

use serde_json::{Value, json};

use super::{
    super::{InputType, ItemReader, ResultWriter, Template, Through, Transformation},
    fields::Fields,
};

/// `CSVDelimiter` (Developer Guide, "ItemReader (Map)").
const DELIMITERS: &[(&str, u8)] =
    &[("COMMA", b','), ("PIPE", b'|'), ("SEMICOLON", b';'), ("SPACE", b' '), ("TAB", b'\t')];

/// `ItemReader`.
pub(super) fn item_reader(fields: &mut Fields<'_, '_>) -> Option<ItemReader> {
    let (value, at, language) = (fields.get("ItemReader")?, fields.at("ItemReader"), fields.language);
    let mut inner = Fields::within(value, &at, fields.base, language, fields.found)?;
    let resource = inner.required_text("Resource");
    let arguments = arguments(&mut inner);
    let config = inner.get("ReaderConfig").cloned().unwrap_or_else(|| json!({}));
    inner.refuse_others();
    let config_at = format!("{at}/ReaderConfig");
    let mut config = Fields::within(&config, &config_at, fields.base, language, fields.found)?;
    let through = through(&mut config, resource.as_deref().unwrap_or_default());
    let input_type = input_type(&mut config, through);
    let items_pointer = items_pointer(&mut config, &input_type);
    let max_items = config.number_or_path("MaxItems", "MaxItemsPath", 0..=100_000_000);
    config.refuse_others();
    Some(ItemReader { resource: resource?.into(), arguments, input_type, through, items_pointer, max_items })
}

/// `ManifestType` and `Transformation`. `InputType` `MANIFEST` alone means an S3 inventory.
fn through(config: &mut Fields<'_, '_>, resource: &str) -> Option<Through> {
    let inventory = config.text("InputType").as_deref() == Some("MANIFEST");
    let manifest = match config.text("ManifestType").as_deref() {
        Some("S3_INVENTORY") => Some(Through::S3Inventory),
        Some("ATHENA_DATA") => Some(Through::AthenaData),
        Some(_) => {
            config.wrong("ManifestType", "ManifestType must be one of [ATHENA_DATA, S3_INVENTORY].");
            None
        }
        None => inventory.then_some(Through::S3Inventory),
    };
    let flatten = match config.text("Transformation").as_deref() {
        None | Some("NONE") => None,
        Some("LOAD_AND_FLATTEN") => Some(Through::LoadAndFlatten),
        Some(_) => {
            config.wrong("Transformation", "Transformation must be one of [NONE, LOAD_AND_FLATTEN].");
            None
        }
    };
    if manifest.is_some() && !resource.ends_with(":s3:getObject") {
        config.wrong("ManifestType", "A manifest is read with arn:aws:states:::s3:getObject.");
    }
    if flatten.is_some() && !resource.ends_with(":s3:listObjectsV2") {
        config.wrong("Transformation", "LOAD_AND_FLATTEN goes with arn:aws:states:::s3:listObjectsV2.");
    }
    manifest.or(flatten)
}

fn input_type(config: &mut Fields<'_, '_>, through: Option<Through>) -> InputType {
    let name = config.text("InputType");
    match name.as_deref() {
        // The manifest has the names of the columns.
        None | Some("MANIFEST" | "CSV") if through == Some(Through::S3Inventory) => {
            InputType::Csv { delimiter: b',', headers: None }
        }
        None | Some("JSON") => InputType::Json,
        Some("JSONL") => InputType::JsonLines,
        Some("CSV") => csv(config),
        Some(other) => {
            let message = format!("InputType {other} is not supported; JSON, JSONL, CSV and MANIFEST are.");
            config.wrong("InputType", message);
            InputType::Json
        }
    }
}

fn items_pointer(config: &mut Fields<'_, '_>, input_type: &InputType) -> Option<String> {
    let pointer = config.text("ItemsPointer")?;
    if *input_type != InputType::Json {
        config.wrong("ItemsPointer", "ItemsPointer goes with InputType JSON.");
    } else if !pointer.is_empty() && !pointer.starts_with('/') {
        config.wrong("ItemsPointer", "ItemsPointer must be a JSON pointer, such as /data/items.");
    }
    Some(pointer)
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
    let mut inner = Fields::within(value, &at, fields.base, language, fields.found)?;
    let config = inner.get("WriterConfig");
    let resource = if config.is_some() { inner.text("Resource") } else { inner.required_text("Resource") };
    let arguments = arguments(&mut inner);
    inner.refuse_others();
    let mut writer = ResultWriter { resource: resource.map(Into::into), arguments, transformation: None, lines: false };
    if let Some(config) = config {
        let at = format!("{at}/WriterConfig");
        writer_config(&mut Fields::within(config, &at, fields.base, language, fields.found)?, &mut writer);
    }
    Some(writer)
}

/// `WriterConfig` (Developer Guide, "ResultWriter (Map)").
fn writer_config(config: &mut Fields<'_, '_>, writer: &mut ResultWriter) {
    writer.transformation = match config.text("Transformation").as_deref() {
        None => None,
        Some("NONE") => Some(Transformation::None),
        Some("COMPACT") => Some(Transformation::Compact),
        Some("FLATTEN") => Some(Transformation::Flatten),
        Some(_) => {
            config.wrong("Transformation", "Transformation must be one of [NONE, COMPACT, FLATTEN].");
            None
        }
    };
    match config.text("OutputType").as_deref() {
        None | Some("JSON") => {}
        Some("JSONL") => writer.lines = true,
        Some(_) => config.wrong("OutputType", "OutputType must be one of [JSON, JSONL]."),
    }
    config.refuse_others();
}

fn arguments(fields: &mut Fields<'_, '_>) -> Template {
    let arguments = fields.jsonata("Arguments").or_else(|| fields.json_path("Parameters"));
    arguments.unwrap_or_else(|| Template::Literal(json!({})))
}

//! Parses the answer of a Map's reader into items (Developer Guide, "ItemReader (Map)").

use serde::Deserialize;
use serde_json::{Map as Object, Value};

use super::{csv::records, items::Items};
use crate::asl::{InputType, ItemReader};

/// The answer of a reader that followed a manifest or a listing.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Files {
    /// The names of the fields, if the manifest has them.
    columns: Option<Vec<String>>,
    /// The content of each file.
    files: Vec<String>,
}

/// The items, in the order of the files.
pub(super) fn items(reader: &ItemReader, output: &Value) -> Result<Items, String> {
    match output {
        // The answer for a list of objects is an array already.
        Value::Array(items) => Ok(Items::of_array(items.clone())),
        Value::String(text) => parse(reader, text),
        output => {
            let Files { columns, files } = Files::deserialize(output)
                .map_err(|_| "The reader answered neither a text nor an array nor files.".to_owned())?;
            let each = files.iter().map(|text| match (&columns, &reader.input_type) {
                (Some(columns), InputType::Csv { delimiter, .. }) => {
                    csv(text, *delimiter, Some(columns)).map(Items::of_array)
                }
                _ => parse(reader, text),
            });
            let mut all = Items::default();
            for items in each {
                let Items { values, keyed } = items?;
                all.values.extend(values);
                all.keyed |= keyed;
            }
            Ok(all)
        }
    }
}

fn parse(reader: &ItemReader, text: &str) -> Result<Items, String> {
    match &reader.input_type {
        InputType::Json => json(reader.items_pointer.as_deref(), text),
        InputType::JsonLines => {
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            let read = lines.map(|(number, line)| {
                serde_json::from_str(line).map_err(|error| format!("Line {} cannot be read: {error}", number + 1))
            });
            read.collect::<Result<_, _>>().map(Items::of_array)
        }
        InputType::Csv { delimiter, headers } => csv(text, *delimiter, headers.as_deref()).map(Items::of_array),
    }
}

/// The array or the pairs of the object that the pointer selects. "The JSON file must contain an array or JSON object."
fn json(pointer: Option<&str>, text: &str) -> Result<Items, String> {
    let mut read: Value = serde_json::from_str(text).map_err(|error| format!("The JSON cannot be read: {error}"))?;
    let found = read.pointer_mut(pointer.unwrap_or_default());
    match found.map(Value::take) {
        Some(Value::Array(items)) => Ok(Items::of_array(items)),
        Some(Value::Object(object)) => Ok(Items::of_object(object)),
        Some(_) => Err("Attempting to map over non-iterable node.".to_owned()),
        None => Err(format!("ItemsPointer {} selects no value.", pointer.unwrap_or_default())),
    }
}

fn csv(text: &str, delimiter: u8, given: Option<&[String]>) -> Result<Vec<Value>, String> {
    let mut records = records(text, delimiter).into_iter();
    let headers: Vec<String> = match given {
        Some(headers) => headers.to_vec(),
        None => match records.next() {
            Some(first) => first,
            None => return Ok(Vec::new()),
        },
    };
    if (1..headers.len()).any(|index| headers[..index].contains(&headers[index])) {
        return Err("CSV headers cannot contain duplicates.".to_owned());
    }
    let object = |record: Vec<String>| {
        // A missing field is empty; fields without a header are skipped.
        let mut fields = record.into_iter();
        let named = headers.iter().map(|name| (name.clone(), Value::String(fields.next().unwrap_or_default())));
        Value::Object(named.collect::<Object<_, _>>())
    };
    Ok(records.map(object).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::asl::Template;

    #[test]
    fn lines_of_fields_become_objects_and_short_ones_are_filled() {
        let rows = csv("id;name\n1;a\n2\n\"3\";\"x;y\"\n", b';', None).unwrap();
        assert_eq!(
            rows,
            [json!({ "id": "1", "name": "a" }), json!({ "id": "2", "name": "" }), json!({ "id": "3", "name": "x;y" })]
        );
        assert_eq!(csv("1,2", b',', Some(&["a".to_owned()])).unwrap(), [json!({ "a": "1" })]);
        assert!(csv("a,a\n1,2", b',', None).unwrap_err().contains("duplicates"));
        let lines = parse(&reader(InputType::JsonLines), "1\n\n{}\n").unwrap();
        assert_eq!((lines.values, lines.keyed), (vec![json!(1), json!({})], false));
        assert!(parse(&reader(InputType::Json), "7").is_err());
    }

    fn reader(input_type: InputType) -> ItemReader {
        let arguments = Template::Literal(json!({}));
        ItemReader { resource: "".into(), arguments, input_type, through: None, items_pointer: None, max_items: None }
    }

    #[test]
    fn an_array_is_found_where_the_pointer_says() {
        let at = |pointer: &str| ItemReader { items_pointer: Some(pointer.to_owned()), ..reader(InputType::Json) };
        let text = r#"{"data": {"items": [1, 2], "by": {"a": 3}, "n": 4}}"#;
        assert_eq!(parse(&at("/data/items"), text).unwrap().values, [json!(1), json!(2)]);
        let pairs = parse(&at("/data/by"), text).unwrap();
        assert_eq!((pairs.values, pairs.keyed), (vec![json!({ "Key": "a", "Value": 3 })], true));
        let read = parse(&reader(InputType::Json), r#"{"b": 1, "a": [2]}"#).unwrap();
        assert_eq!(read.values, [json!({ "Key": "b", "Value": 1 }), json!({ "Key": "a", "Value": [2] })]);
        for wrong in ["/data/none", "/data/n"] {
            assert!(parse(&at(wrong), text).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_files_of_a_manifest_are_read_one_after_the_other_with_its_columns() {
        let reader = reader(InputType::Csv { delimiter: b',', headers: None });
        let answer = json!({ "Columns": ["Bucket", "Key"], "Files": ["\"b\",\"k 1\"\n", "\"b\",\"k 2\"\n"] });
        let rows = items(&reader, &answer).unwrap();
        assert_eq!(rows.values, [json!({ "Bucket": "b", "Key": "k 1" }), json!({ "Bucket": "b", "Key": "k 2" })]);
        assert!(items(&reader, &json!(7)).is_err());
    }
}

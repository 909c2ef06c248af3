//! Encodes JSON as a form: `a=1&b%5B0%5D=x`.

use serde_json::Value;

/// The encoding of lists (`ArrayFormat`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrays {
    /// `a[0]=x&a[1]=y`.
    Indices,
    /// `a=x&a=y`.
    Repeat,
    /// `a=x,y`.
    Commas,
    /// `a[]=x&a[]=y`.
    Brackets,
    /// `a=[x,y]`, as JSON.
    None,
}

impl Arrays {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "INDICES" => Arrays::Indices,
            "REPEAT" => Arrays::Repeat,
            "COMMAS" => Arrays::Commas,
            "BRACKETS" => Arrays::Brackets,
            "NONE" => Arrays::None,
            _ => return None,
        })
    }
}

pub(super) fn encode(body: &Value, arrays: Arrays) -> String {
    let mut form = Vec::new();
    add(&mut form, String::new(), body, arrays);
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

fn add(form: &mut Vec<(String, String)>, name: String, value: &Value, arrays: Arrays) {
    let inner = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}[{key}]") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| add(form, inner(key), value, arrays)),
        Value::Array(items) => match arrays {
            Arrays::Indices => {
                items.iter().enumerate().for_each(|(index, item)| add(form, inner(&index.to_string()), item, arrays));
            }
            Arrays::Repeat => items.iter().for_each(|item| add(form, name.clone(), item, arrays)),
            Arrays::Brackets => items.iter().for_each(|item| add(form, inner(""), item, arrays)),
            Arrays::Commas => form.push((name, items.iter().map(text).collect::<Vec<_>>().join(","))),
            Arrays::None => form.push((name, value.to_string())),
        },
        value => form.push((name, text(value))),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        value => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    }
}

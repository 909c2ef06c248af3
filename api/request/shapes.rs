//! The shapes that members of a request can have.

/// The shape of a member's value.
pub(super) enum Shape {
    Text(Text),
    /// One of these words.
    Choice(&'static [&'static str]),
    Number {
        min: i64,
        max: i64,
    },
    Flag,
    List {
        item: &'static Shape,
        min: usize,
        max: usize,
    },
    /// `name` is the shape's name in the service model.
    Object {
        name: &'static str,
        members: &'static [Member],
    },
}

/// A text; lengths in characters.
pub(super) struct Text {
    pub min: usize,
    pub max: usize,
    pub pattern: Option<TextPattern>,
    /// Whether messages must not repeat the value (`sensitive` in the model).
    pub is_secret: bool,
}

/// A regular expression of the model, and a function that matches the same texts.
pub(super) struct TextPattern {
    pub expression: &'static str,
    pub matches: fn(&str) -> bool,
}

/// A named member of a request or of an object in it.
pub(super) struct Member {
    pub name: &'static str,
    pub required: bool,
    pub shape: Shape,
}

/// The names of members, nested as their objects are.
#[cfg(test)]
pub(super) fn named(members: &[Member]) -> serde_json::Value {
    let inside = |shape: &Shape| match shape {
        Shape::Object { members, .. } | Shape::List { item: Shape::Object { members, .. }, .. } => named(members),
        _ => serde_json::json!({}),
    };
    let named = members.iter().map(|member| (member.name.to_owned(), inside(&member.shape)));
    serde_json::Value::Object(named.collect())
}

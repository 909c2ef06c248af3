//! Determines which parts of the scope a template reads, so that the others need not be built for it.

use super::Template;
use crate::query::Path;

/// The parts of the scope that a template reads. A part is included if in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScopeReferences {
    /// `$states.input` (JSONata).
    pub input: bool,
    /// The context object.
    pub context: bool,
    /// `Execution.Input` of the context object, which may be large.
    pub execution_input: bool,
}

/// The small parts of the context object.
const SMALL: &[&str] = &[
    ".Map.",
    ".State.",
    ".StateMachine.",
    ".Task.",
    ".Execution.Id",
    ".Execution.Name",
    ".Execution.RoleArn",
    ".Execution.StartTime",
    ".Execution.Redrive",
];

impl ScopeReferences {
    /// All parts.
    pub const ALL: ScopeReferences = ScopeReferences { input: true, context: true, execution_input: true };

    /// The union of both.
    pub fn and(self, other: ScopeReferences) -> ScopeReferences {
        ScopeReferences {
            input: self.input || other.input,
            context: self.context || other.context,
            execution_input: self.execution_input || other.execution_input,
        }
    }

    /// The parts that a path reads.
    pub(crate) fn of_path(path: &Path) -> ScopeReferences {
        match path.source().split_once("$$") {
            None => ScopeReferences::default(),
            // A filter may read the context object too, even several times.
            Some((before, rest)) => {
                let small = before.is_empty() && !rest.contains("$$") && is_small(rest);
                ScopeReferences { input: false, context: true, execution_input: !small }
            }
        }
    }

    fn of_jsonata(source: &str) -> ScopeReferences {
        let mut references = ScopeReferences::default();
        for rest in source.split("$states").skip(1) {
            let seen = match rest {
                _ if rest.starts_with(".input") => ScopeReferences { input: true, ..ScopeReferences::default() },
                _ if rest.starts_with(".result") || rest.starts_with(".errorOutput") => ScopeReferences::default(),
                _ => match rest.strip_prefix(".context") {
                    Some(rest) => ScopeReferences { input: false, context: true, execution_input: !is_small(rest) },
                    None => ScopeReferences::ALL,
                },
            };
            references = references.and(seen);
        }
        references
    }
}

fn is_small(rest: &str) -> bool {
    SMALL.iter().any(|part| rest.starts_with(part))
}

impl Template {
    /// The parts that it reads.
    pub fn references(&self) -> ScopeReferences {
        match self {
            Template::Literal(_) => ScopeReferences::default(),
            Template::Expression { expression, .. } => ScopeReferences::of_jsonata(expression.source()),
            Template::Array(items) => {
                items.iter().map(Template::references).fold(ScopeReferences::default(), ScopeReferences::and)
            }
            Template::Object(fields) => fields
                .iter()
                .map(|(_, field)| field.references())
                .fold(ScopeReferences::default(), ScopeReferences::and),
            Template::Payload(template) => {
                let paths = template.queries().into_iter().flat_map(|query| query.paths());
                paths.map(ScopeReferences::of_path).fold(ScopeReferences::default(), ScopeReferences::and)
            }
            Template::Query { query, .. } => query
                .paths()
                .into_iter()
                .map(ScopeReferences::of_path)
                .fold(ScopeReferences::default(), ScopeReferences::and),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_part_that_is_read_is_never_left_out() {
        let path = |source: &str| ScopeReferences::of_path(&Path::parse(source).unwrap());
        assert_eq!(path("$.a"), ScopeReferences::default());
        assert!(path("$$.Map.Item.Value").context && !path("$$.Map.Item.Value").execution_input);
        for all in ["$$", "$$.Execution", "$$.Execution.Input.a", "$$['Map']", "$.a[?(@.b == $$.Execution.Input)]"] {
            assert!(path(all).execution_input || !all.contains("$$"), "{all}");
        }
        for all in ["$states", "$keys($states)", "$states.context", "$states.context.Execution.Input", "$states[0]"] {
            assert!(
                ScopeReferences::of_jsonata(all).context && ScopeReferences::of_jsonata(all).execution_input,
                "{all}"
            );
        }
        assert!(ScopeReferences::of_jsonata("$states.input.a & $states.context.State.Name").input);
        assert_eq!(ScopeReferences::of_jsonata("$x + $states.result"), ScopeReferences::default());
    }
}

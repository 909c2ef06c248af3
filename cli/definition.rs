//! The data that is derived from a definition without running it: the positions in its text, its graph, its JSON schema and the permissions
//! of its steps. `checks` finds its problems, `trial` runs it against mocks.

pub mod asl_schema;
pub mod graph;
pub mod policy;
pub mod source;

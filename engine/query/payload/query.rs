//! The query in a field `"name.$"`.

use serde_json::Value;

use crate::query::{
    Budget, InThisThread, Intrinsic, IntrinsicError, IntrinsicErrorKind, Moment, Path, PathError, PathErrorKind, Roots,
};

/// A path, or a call of an intrinsic function.
#[derive(Debug, Clone)]
pub enum Query {
    /// `$.a`
    Path(Path),
    /// `States.UUID()`
    Intrinsic(Intrinsic),
}

/// A query that cannot be parsed or evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// A path.
    #[error(transparent)]
    Path(PathError),
    /// A call of an intrinsic function.
    #[error(transparent)]
    Intrinsic(IntrinsicError),
}

/// The reason why a query failed, for paths and calls alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryErrorKind {
    /// The text is no query.
    Malformed,
    /// The path has no value.
    Missing,
    /// A path ends in an index past the end of an array.
    OutOfRange,
    /// A function does not accept its arguments.
    InvalidArguments,
    /// The evaluation would take too long or allocate too much.
    Limit,
}

impl Query {
    /// Parses a text that begins with `$`, possibly after white space, as a path, any other as a call.
    ///
    /// # Errors
    /// The text is neither.
    pub fn parse(source: &str) -> Result<Self, QueryError> {
        if Path::trimmed(source).starts_with('$') {
            Path::parse(source).map(Query::Path).map_err(QueryError::Path)
        } else {
            Intrinsic::parse(source).map(Query::Intrinsic).map_err(QueryError::Intrinsic)
        }
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        match self {
            Query::Path(path) => path.source(),
            Query::Intrinsic(intrinsic) => intrinsic.source(),
        }
    }

    /// The text in AWS's causes, which omit the second `$` of a path into the Context Object.
    pub(crate) fn source_in_cause(&self) -> &str {
        match self {
            Query::Path(path) => path.source_from_input(),
            Query::Intrinsic(intrinsic) => intrinsic.source(),
        }
    }

    /// The paths in the query.
    pub fn paths(&self) -> Vec<&Path> {
        match self {
            Query::Path(path) => vec![path],
            Query::Intrinsic(intrinsic) => intrinsic.paths(),
        }
    }

    /// Evaluates the query.
    ///
    /// # Errors
    /// The path has no value, or the function failed.
    pub fn evaluate(&self, roots: &Roots<'_>, moment: &Moment) -> Result<Value, QueryError> {
        self.evaluate_within(roots, moment, &Budget::new(&InThisThread))
    }

    /// Like `evaluate`, with the work recorded in a budget.
    pub(crate) fn evaluate_within(
        &self,
        roots: &Roots<'_>,
        moment: &Moment,
        budget: &Budget,
    ) -> Result<Value, QueryError> {
        match self {
            Query::Path(path) => path.evaluate_within(roots, budget).map_err(QueryError::Path),
            Query::Intrinsic(intrinsic) => {
                intrinsic.evaluate_within(roots, moment, budget).map_err(QueryError::Intrinsic)
            }
        }
    }
}

impl QueryError {
    /// Why it failed.
    pub fn kind(&self) -> QueryErrorKind {
        match self {
            QueryError::Path(error) => match error.kind {
                PathErrorKind::Invalid | PathErrorKind::NotApplicable => QueryErrorKind::Malformed,
                PathErrorKind::Missing => QueryErrorKind::Missing,
                PathErrorKind::OutOfRange => QueryErrorKind::OutOfRange,
                PathErrorKind::Limit => QueryErrorKind::Limit,
            },
            QueryError::Intrinsic(error) => match error.kind {
                IntrinsicErrorKind::Malformed => QueryErrorKind::Malformed,
                IntrinsicErrorKind::MissingArgument => QueryErrorKind::Missing,
                IntrinsicErrorKind::InvalidArguments => QueryErrorKind::InvalidArguments,
                IntrinsicErrorKind::Limit => QueryErrorKind::Limit,
            },
        }
    }

    pub(super) fn too_large(query: &Query) -> Self {
        let message = format!("The values of the template are too large together, at '{}'", query.source());
        QueryError::Path(PathError { kind: PathErrorKind::Limit, message })
    }
}

//! Errors of a world.

/// Why a world cannot be created or reached.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The system refused an operation.
    #[error("{what}: {source}")]
    Io {
        /// The operation.
        what: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// No Python interpreter can create the environment.
    #[error(
        "the rehearsal needs Python 3.11 or later with its venv module: '{python}' {problem}; name another with FLOW_PYTHON"
    )]
    NoPython {
        /// The interpreter.
        python: String,
        /// The problem.
        problem: String,
    },
    /// The Python packages could not be installed.
    #[error("the packages of the rehearsal's Python environment could not be installed; pip says: {output}")]
    Pip {
        /// The last lines of pip's output.
        output: String,
    },
    /// The AWS API did not start.
    #[error("the rehearsal's AWS API did not start: {output}")]
    Aws {
        /// Its output.
        output: String,
    },
    /// A certificate or key could not be created.
    #[error("the rehearsal's certificate could not be made: {0}")]
    Certificate(String),
}

impl RehearsalError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| RehearsalError::Io { what, source }
    }
}

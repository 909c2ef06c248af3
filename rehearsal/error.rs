//! Why there is no world.

/// A world that cannot be made or reached.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no Python to make an environment with.
    #[error(
        "the rehearsal needs Python 3.11 or later with its venv module: '{python}' {problem}; name another with FLOW_PYTHON"
    )]
    NoPython {
        /// The interpreter tried.
        python: String,
        /// What happened.
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
        /// What it said.
        output: String,
    },
    /// A certificate or key could not be made.
    #[error("the rehearsal's certificate could not be made: {0}")]
    Certificate(String),
}

impl RehearsalError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| RehearsalError::Io { what, source }
    }
}

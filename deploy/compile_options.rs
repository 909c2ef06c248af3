//! The options of a compilation.

/// The options of `compile`.
#[derive(Debug, Clone)]
pub struct CompileOptions {
    /// HeartbeatSeconds of Tasks without that field: the time without a heartbeat after which another worker gets the task.
    pub heartbeat_seconds: u64,
    /// Whether the target is a `flow serve`. It asks people itself, so Tasks of `flow:approval:request` are not changed.
    pub server_asks: bool,
}

//! The options of a compilation.

/// The author's options.
#[derive(Debug, Clone)]
pub struct CompileOptions {
    /// HeartbeatSeconds of Tasks without that field: how long a worker may be silent before another one gets its task.
    pub heartbeat_seconds: u64,
    /// Whether the target is a `flow serve`, which asks people itself: Tasks of `flow:approval:request` stay as they are.
    pub server_asks: bool,
}

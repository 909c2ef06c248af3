//! `flow`: see the library.

/// Threads of flow hand memory to each other: the dispatcher makes what the committer writes. The system's allocator takes
/// twice the time for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}

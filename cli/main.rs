//! The `flow` program; see the library.

/// Flow's threads pass memory to each other: the dispatcher allocates what the committer frees. The system's allocator
/// needs twice the time for this.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}

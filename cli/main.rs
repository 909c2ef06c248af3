//! The `flow` program; see the library.

/// Flow's threads pass memory to each other: the dispatcher allocates what the committer frees. The system's allocator
/// needs twice the time for this.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs before Rust's own start, which opens `/dev/null` in place of a standard output that is closed. Afterwards that cannot be
/// distinguished from a `/dev/null` that a parent process has opened.
#[cfg(target_os = "linux")]
#[used]
#[allow(unsafe_code)]
#[unsafe(link_section = ".init_array")]
static BEFORE_START: extern "C" fn() = before_start;

#[cfg(target_os = "linux")]
extern "C" fn before_start() {
    cli::note_streams();
}

fn main() -> std::process::ExitCode {
    cli::main()
}

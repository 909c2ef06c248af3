//! Sets how the program is linked.

fn main() {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        // A fixed address: otherwise the loader corrects a million addresses each time the program starts, which takes longer
        // than most commands do.
        println!("cargo::rustc-link-arg-bins=-no-pie");
        // One copy of functions with the same code, of which the AWS crates have thousands. Rust's own linker, the default for
        // this target, can do it; GNU ld cannot.
        if is("CARGO_CFG_TARGET_ARCH", "x86_64") && is("PROFILE", "release") {
            println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
        }
        if is("PROFILE", "release") {
            println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
}

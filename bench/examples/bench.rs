//! The workloads without the rest of the program: `cargo run -p bench --example bench -- chain 1000`.

use std::process::Command;

/// The allocator of the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), bench::BenchError> {
    let arguments: Vec<String> = std::env::args().collect();
    let workload = arguments.get(1).map_or("chain", String::as_str);
    let n: usize = arguments.get(2).and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let own = tempfile::tempdir_in(".").map_err(|error| bench::BenchError::Folder { folder: ".".to_owned(), error })?;
    let folder = arguments.get(3).map_or(own.path().to_owned(), std::path::PathBuf::from);
    let phase = |name: &str| {
        let mut command = Command::new(&arguments[0]);
        command.arg(name).arg(n.to_string()).arg(&folder);
        command
    };
    let report = match workload {
        "chain" => bench::chain(&folder, n).await?,
        "fan" => bench::fan(&folder, n).await?,
        "pure" => bench::pure(&folder, n).await?,
        "growth" => bench::growth(&folder, n).await?,
        "sleepers" => bench::sleepers(&folder, n, &phase).await?,
        "sleep" => {
            println!("{}", serde_json::json!(bench::sleep(&folder, n).await?));
            return std::future::pending().await;
        }
        _ => {
            println!("{}", serde_json::json!(bench::wake(&folder).await?));
            return std::future::pending().await;
        }
    };
    println!("{report:#?}");
    Ok(())
}

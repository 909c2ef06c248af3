//! Records that are added to a store of an earlier format can be read back.

use std::{path::Path, process::Command};

use super::*;
use crate::store::LoggedRecords;

const CLOSE_MAX: Duration = Duration::from_secs(30);

fn opened(folder: &Path) -> RunnerHandle {
    let store = Arc::new(Store::new(LoggedRecords::open(folder).unwrap()).unwrap());
    start(store, Arc::new(Registry::new()), Arc::new(SystemClock::default()), RunnerOptions::default())
}

async fn close(handle: RunnerHandle) {
    assert!(handle.drain(DRAIN_MAX).await.has_ended);
    let store = handle.shared_store();
    drop(handle);
    store.close(CLOSE_MAX).unwrap();
}

/// `tests/stores` has a store of each earlier format, with three executions that succeeded, one that is due, and one that waits for years.
#[tokio::test]
async fn an_execution_of_every_earlier_format_continues_in_another_environment() {
    for format in ["format-2.tgz", "format-3.tgz", "format-4.tgz"] {
        let home = tempfile::tempdir().unwrap();
        let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/stores").join(format);
        let unpacked = Command::new("tar").arg("-xzf").arg(packed).arg("-C").arg(home.path()).status().unwrap();
        assert!(unpacked.success());
        let folder = home.path().join("store");
        let handle = opened(&folder);
        assert_eq!(handle.store().verify().problems, [], "{format}");
        assert_eq!(handle.store().ids_with_prefix("", 10).unwrap().len(), 5, "{format}");
        assert_eq!(handle.store().ids_with_prefix("kept-", 10).unwrap().len(), 3, "{format}");
        handle.resume("waits", None).await.unwrap();
        assert_eq!(until_settled(&handle, "waits").await.status, ExecutionStatus::Succeeded, "{format}");
        let elsewhere = json!({ "region": "eu-west-1" });
        handle.resume("sleeps", Some(elsewhere.clone())).await.unwrap();
        close(handle).await;
        let handle = opened(&folder);
        let sleeps = handle.store().load("sleeps").unwrap().unwrap().header;
        assert_eq!((sleeps.status, &*sleeps.environment), (ExecutionStatus::Running, &elsewhere), "{format}");
        let refused = handle.signal_early("sleeps", "None", Ok(json!(1)), None).await;
        assert!(matches!(refused, Err(RunnerError::SignalRefused { .. })), "{format}");
        assert_eq!(handle.store().verify().problems, [], "{format}");
        close(handle).await;
    }
}

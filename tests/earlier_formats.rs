//! The stores of earlier formats open, and their executions continue.

use crate::support::Home;

/// `tests/stores` contains a packed store of each earlier format, with three executions that succeeded and two that wait.
#[test]
fn the_store_of_every_earlier_format_opens() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores");
    let mut opened = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "tgz") {
            continue;
        }
        let home = Home::plain();
        let unpacked = std::process::Command::new("tar").arg("-xzf").arg(&path).arg("-C").arg(home.path()).status();
        assert!(unpacked.unwrap().success());
        let doctor = home.succeed(&["doctor"]);
        assert!(
            doctor.contains("✔ store") && doctor.contains("5 executions, 2 not ended"),
            "{}: {doctor}",
            path.display()
        );
        assert!(home.succeed(&["status", "kept-1"]).contains("SUCCEEDED"));
        assert!(home.succeed(&["resume", "waits"]).contains("SUCCEEDED"), "the waiting execution continues");
        home.exits_with(&["resume", "sleeps", "--no-wait"], &[("FLOW_PROGRAMS", "/usr/bin/confirm")], 75);
        let doctor = home.succeed(&["doctor"]);
        assert!(doctor.contains("✔ store") && doctor.contains("5 executions, 1 not ended"), "{doctor}");
        assert!(
            home.succeed(&["status", "waits", "-o", "json"]).contains("SUCCEEDED"),
            "the continued execution is read back"
        );
        opened += 1;
    }
    assert_eq!(opened, 3, "formats 2, 3 and 4");
}

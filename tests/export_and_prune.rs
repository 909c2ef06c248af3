//! Executions are exported, imported and pruned.

use serde_json::{Value, json};

use crate::support::{Home, text};

fn file(home: &Home, seconds: u64) -> String {
    let file = home.path().join("kept.asl.json");
    let definition = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Pass", "Result": { "long": "x".repeat(20_000) }, "ResultPath": "$.a", "Next": "W" },
        "W": { "Type": "Wait", "Seconds": seconds, "Next": "B" },
        "B": { "Type": "Pass", "OutputPath": "$.n", "End": true } } });
    std::fs::write(&file, definition.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn fill(home: &Home, count: u32) {
    for number in 0..count {
        let (id, input) = (format!("kept-{number}"), json!({ "n": number }).to_string());
        home.succeed(&["run", &file(home, 0), "--yes", "--id", &id, "--input", &input, "--progress", "none"]);
    }
}

/// The output of status and events about executions, without the parts that depend on the time at which a status is printed.
fn asked(home: &Home, ids: &[&str]) -> Vec<Value> {
    let of = |id: &&str| {
        let lines = |verb| home.succeed(&[verb, id, "-o", "json"]);
        let value = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let statuses = lines("status").lines().map(value).map(without_time).collect::<Vec<_>>();
        let events = lines("events").lines().skip(1).map(value).collect::<Vec<_>>();
        [statuses, events].concat()
    };
    ids.iter().flat_map(of).collect()
}

fn without_time(mut line: Value) -> Value {
    ["time", "timeLeft", "message"].iter().for_each(|field| drop(line.as_object_mut().unwrap().remove(*field)));
    line
}

#[test]
fn what_is_exported_continues_in_another_home_as_if_nothing_had_happened() {
    let (from, to) = (Home::plain(), Home::plain());
    fill(&from, 3);
    let waiting =
        from.flow(&["run", &file(&from, 6), "--yes", "--id", "waits", "--input", r#"{"n": 7}"#, "--no-wait=0"]);
    assert_eq!(waiting.status.code(), Some(75));
    let exported = from.succeed(&["export"]);
    let path = to.path().join("exported.jsonl");
    std::fs::write(&path, &exported).unwrap();
    assert!(to.succeed(&["import", path.to_str().unwrap()]).contains("4 executions"));
    let ids = ["kept-0", "kept-2", "waits"];
    assert_eq!(asked(&to, &ids), asked(&from, &ids));
    assert!(to.succeed(&["resume", "waits"]).contains("SUCCEEDED"));
    assert!(
        to.succeed(&["import", path.to_str().unwrap()]).contains("0 executions"),
        "existing executions do not change"
    );
    assert!(to.succeed(&["status", "waits"]).contains("SUCCEEDED"));
    assert!(to.succeed(&["doctor"]).contains("✔ store"));
}

#[test]
fn a_line_that_is_no_execution_is_named_and_changes_nothing() {
    let home = Home::plain();
    let path = home.path().join("wrong.jsonl");
    for (line, words) in [("nonsense", "line 2"), (r#"{"type":"export","version":99}"#, "version 99")] {
        std::fs::write(&path, format!("{}\n{line}\n", r#"{"type":"export","version":1}"#)).unwrap();
        let output = home.flow(&["import", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(3));
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
    // An export that failed at once, such as on a full disk.
    assert!(home.exits(&["import", "/dev/null"], 3).contains("its first line"));
}

#[test]
fn a_cut_off_export_is_refused_completely_and_an_execution_named_twice_is_exported_once() {
    let (from, to) = (Home::plain(), Home::plain());
    fill(&from, 2);
    from.flow(&["run", &file(&from, 600), "--yes", "--id", "waits", "--input", r#"{"n": 7}"#, "--no-wait"]);
    let exported = from.succeed(&["export"]);
    let path = to.path().join("cut.jsonl");
    let path_text = path.to_str().unwrap();
    let at_a_line = exported.trim_end().rfind('\n').unwrap() + 1;
    for length in [exported.len() / 2, at_a_line] {
        std::fs::write(&path, &exported[..length]).unwrap();
        // The second way reads a pipe.
        for arguments in [vec!["import", path_text], vec!["import"]] {
            let mut command = to.command(&arguments);
            command.stdin(std::fs::File::open(&path).unwrap());
            let output = command.output().unwrap();
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{said}");
            assert!(said.contains("line ") && said.contains("nothing is imported"), "{said}");
            assert_eq!(to.succeed(&["status", "--all", "-o", "json"]).matches("kept-").count(), 0);
        }
    }
    let id = "waits";
    let twice = from.succeed(&["export", id, "@latest", id]);
    assert_eq!(twice.lines().filter(|line| line.contains(r#""type":"execution""#)).count(), 1, "{twice}");
    std::fs::write(&path, &exported).unwrap();
    let mut command = to.command(&["import", "-"]);
    let said = text(&command.stdin(std::fs::File::open(&path).unwrap()).output().unwrap().stdout);
    assert!(said.contains("3 executions") && said.contains("1 of them had not ended"), "{said}");
    assert!(said.contains("may continue them too"), "{said}");
    let again = to.succeed(&["import", path_text]);
    assert!(!again.contains("resume") && !again.contains("may continue"), "nothing is imported: {again}");
}

#[test]
fn pruning_deletes_what_ended_gives_the_disk_back_and_spares_what_waits() {
    let home = Home::plain();
    fill(&home, 40);
    home.flow(&["run", &file(&home, 600), "--yes", "--id", "waits", "--input", r#"{"n": 7}"#, "--no-wait"]);
    let pruned = |arguments: &[&str]| -> Value {
        let reported = home.succeed(&[&["prune", "-o", "json"], arguments].concat());
        serde_json::from_str(reported.lines().last().unwrap()).unwrap()
    };
    assert_eq!(pruned(&[])["executions"], 0, "the default is ninety days");
    assert_eq!(pruned(&["--days", "0", "--plan"])["executions"], 40);
    assert!(home.succeed(&["status", "kept-0"]).contains("SUCCEEDED"), "a plan changes nothing");
    let reported = pruned(&["--days", "0"]);
    assert_eq!(reported["executions"], 40);
    assert!(reported["bytesAfter"].as_u64() < reported["bytesBefore"].as_u64(), "{reported}");
    assert_eq!(home.flow(&["status", "kept-0"]).status.code(), Some(4));
    assert!(
        home.succeed(&["status", "waits"]).contains("WAITING")
            || home.succeed(&["status", "waits"]).contains("INTERRUPTED")
    );
    assert!(home.succeed(&["doctor"]).contains("✔ store"));
}

//! Snapshots of the screens that people see. A change is reviewed with `cargo insta review`, or by reading the `.snap` files in the diff.
#![allow(clippy::unwrap_used)]

use api::{
    flow::{DueWork, NextDue},
    view::{Typical, TypicalState},
};
use engine::machine::{ExecutionHeader, ExecutionStatus};

use super::{
    changes,
    display_status::display_status,
    json, junit, lines,
    screen::Screen,
    status::{Detail, Listed, list},
    story::{self, Story, approval, cjk, failed, forty, map, running, sections},
    summary,
    tree::{Shown, tree, tree_with_questions},
};

const WIDTHS: [usize; 4] = [60, 80, 100, 140];

fn screen(columns: usize, rows: usize) -> Screen {
    Screen { columns, rows, color: false, ascii: false }
}

/// The same at every width.
pub fn at_widths(draw: impl Fn(&Screen) -> Vec<String>) -> String {
    let at = |columns| format!("── {columns} columns\n{}\n", draw(&screen(columns, usize::MAX)).join("\n"));
    WIDTHS.into_iter().map(at).collect()
}

fn drawn(story: &Story, display_status: &str, seconds: f64, typical: Option<&Typical>, screen: &Screen) -> Vec<String> {
    let shown = Shown { view: &story.view, display_status, typical, now_ms: Story::at(seconds) };
    let lines: Vec<String> = tree(&shown, screen).iter().map(|line| screen.paint(line)).collect();
    if !screen.color {
        let widest = lines.iter().map(|line| super::text::width(line)).max().unwrap_or(0);
        assert!(widest <= screen.columns, "{widest} cells in {}: {lines:#?}", screen.columns);
    }
    assert!(lines.len() <= screen.rows, "{} lines in {} rows", lines.len(), screen.rows);
    lines
}

fn typical() -> Typical {
    let state = |name: &str, frame: &str, seconds: u64| TypicalState {
        path: if frame.is_empty() { name.to_owned() } else { format!("{frame}/{name}") },
        frame: frame.to_owned(),
        low_ms: seconds * 900,
        median_ms: seconds * 1_000,
        high_ms: seconds * 1_300,
        needs_person: false,
        item: None,
    };
    let wait = state("Wait until the load balancer is active", story::NAMES[2], 180);
    let later = story::NAMES[4..].iter().map(|name| state(name, "", 150));
    let states = [state(story::NAMES[2], "", 190), wait].into_iter().chain(later).collect();
    Typical { executions: 4, states }
}

#[test]
fn a_tree_at_every_width() {
    let (story, typical) = (running(), typical());
    snapshot!("tree", at_widths(|screen| drawn(&story, "RUNNING", 124.0, Some(&typical), screen)));
    let story = failed();
    snapshot!("tree_failed", at_widths(|screen| drawn(&story, "FAILED", 1_000.0, None, screen)));
    let story = cjk();
    snapshot!("tree_cjk", at_widths(|screen| drawn(&story, "RUNNING", 104.0, None, screen)));
    let story = map();
    snapshot!("tree_map", at_widths(|screen| drawn(&story, "RUNNING", 195.0, None, screen)));
}

#[test]
fn a_tree_shows_the_question_and_the_command_that_answers_it() {
    let task = engine::journal::StateType::Task;
    let mut story = Story::new("release-7k3f", &sections(&["Ask", "Then"]));
    story.enter(0.0, "", task, "Ask").waiting(1.0, "Ask", "waits for an answer", Some(approval()));
    let command = "needs you: flow approve release-7k3f --choice …";
    let shown = drawn(&story, "RUNNING", 60.0, None, &screen(100, 40)).join("\n");
    assert!(shown.contains("Which stack becomes the productive one?") && shown.contains(command), "{shown}");
    assert!(!shown.contains("checked"), "nothing checks an answer: {shown}");
    let mut inside = Story::new("release-7k3f", &sections(&["Release", "Then"]));
    inside.enter(0.0, "", engine::journal::StateType::Parallel, "Release").enter(0.0, "Release", task, "Ask").waiting(
        1.0,
        "Release/Ask",
        "waits for an answer",
        Some(approval()),
    );
    for columns in [80, 100, 140] {
        let shown = drawn(&inside, "RUNNING", 60.0, None, &screen(columns, 40)).join("\n");
        assert!(shown.contains("Which stack becomes") && shown.contains(command), "{columns} columns: {shown}");
    }
}

#[test]
fn a_live_tree_shows_what_a_person_is_asked_and_the_commands_at_any_height() {
    let task = engine::journal::StateType::Task;
    let mut asks = approval();
    let text = (1..=30).map(|number| (String::new(), format!("Read page {number}.")));
    asks.values = text.chain([("--set ticket=".to_owned(), "the change".to_owned())]).collect();
    let mut story = Story::new("release-7k3f", &sections(&["Ask", "Then"]));
    story.enter(0.0, "", task, "Ask").waiting(1.0, "Ask", "waits for an answer", Some(asks));
    let now_ms = Story::at(60.0);
    let shown = Shown { view: &story.view, display_status: "RUNNING", typical: None, now_ms };
    for rows in 1..60 {
        let screen = screen(100, rows);
        let lines = tree_with_questions(&shown, &summary::questions(&story.view, true, now_ms), &[], &screen);
        assert!(lines.len() <= rows, "{rows} rows: {lines:#?}");
        let all = lines.join("\n");
        assert!(rows < 3 || all.contains("flow approve release-7k3f"), "{rows} rows: {all}");
        assert!(rows < 12 || all.contains("flow reject release-7k3f"), "{rows} rows: {all}");
    }
    let few =
        tree_with_questions(&shown, &summary::questions(&story.view, true, now_ms), &[], &screen(100, 20)).join("\n");
    assert!(few.contains("Which stack") && few.contains("more lines: flow status release-7k3f"), "{few}");
    let all =
        tree_with_questions(&shown, &summary::questions(&story.view, true, now_ms), &[], &screen(100, 59)).join("\n");
    assert!(all.contains("Read page 30.") && all.contains("--set ticket="), "{all}");
}

#[test]
fn a_question_is_wrapped_at_words() {
    let sentence =
        "Which stack becomes the productive one, now that both answer the health checks of the load balancer?"
            .to_owned();
    let asks = engine::step::Instructions { sentence: sentence.clone(), ..approval() };
    let mut story = Story::new("release-7k3f", &sections(&["Ask", "Then"]));
    story.enter(0.0, "", engine::journal::StateType::Task, "Ask");
    story.waiting(1.0, "Ask", "waits for an answer", Some(asks));
    let now_ms = Story::at(60.0);
    let shown = Shown { view: &story.view, display_status: "RUNNING", typical: None, now_ms };
    for columns in [40, 60, 80] {
        let lines =
            tree_with_questions(&shown, &summary::questions(&story.view, true, now_ms), &[], &screen(columns, 60));
        assert!(lines.iter().all(|line| super::text::width(line) <= columns), "{lines:#?}");
        let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
        assert!(words.join(" ").contains(&sentence), "{columns} columns: {lines:#?}");
    }
}

/// A command below the heading of another question would approve what nobody has read.
#[test]
fn a_live_tree_shows_no_command_below_another_question() {
    let parallel = engine::journal::StateType::Parallel;
    for (questions, columns, rows) in [(4, 80, 24), (20, 80, 24), (4, 60, 12), (20, 60, 12)] {
        // The cells that Display leaves free.
        let screen = screen(columns - 1, rows - 1);
        let mut story = Story::new("release-7k3f", &sections(&["All", "Then"]));
        story.enter(0.0, "", parallel, "All");
        for number in 0..questions {
            let (frame, name) = (format!("All[{number}]"), format!("Ask {number}"));
            let asks = engine::step::Instructions { sentence: format!("Question {number}?"), ..approval() };
            story.enter(0.0, &frame, engine::journal::StateType::Task, &name);
            story.waiting(1.0, &format!("{frame}/{name}"), "waits for an answer", Some(asks));
        }
        let now_ms = Story::at(60.0);
        let shown = Shown { view: &story.view, display_status: "RUNNING", typical: None, now_ms };
        let lines = tree_with_questions(&shown, &summary::questions(&story.view, true, now_ms), &[], &screen);
        assert!(lines.len() <= screen.rows, "{lines:#?}");
        let mut asked: Vec<&str> = Vec::new();
        for line in &lines {
            if let Some((_, heading)) = line.split_once("Ask ").filter(|_| line.ends_with(" needs you:")) {
                asked.extend(heading.split(' ').next());
            }
            if line.starts_with("  To ") && line.contains("All[") {
                let path = format!("All[{}]/Ask", asked.last().unwrap());
                assert!(line.contains(&path), "{columns}x{rows}: {lines:#?}");
            }
        }
        assert_eq!(asked.first(), Some(&"0"), "{columns}x{rows}: {lines:#?}");
        let more = format!("… {} more questions: flow status release-7k3f", questions - asked.len());
        assert!(lines.last().unwrap().starts_with(&more), "{columns}x{rows}: {lines:#?}");
    }
}

#[test]
fn a_value_of_several_lines_is_indented_alike() {
    let mut asks = approval();
    asks.values = vec![("run".to_owned(), "cat <<EOF\n  a\nEOF".to_owned()), (String::new(), "b".to_owned())];
    let lines = summary::instruction_lines(&asks);
    assert_eq!(lines[1..], ["  run  cat <<EOF", "         a", "       EOF", "  b"]);
}

#[test]
fn a_tree_with_colours_and_in_ascii() {
    let story = running();
    let colours = Screen { color: true, ..screen(100, 40) };
    let shown = drawn(&story, "RUNNING", 124.0, None, &colours).join("\n").replace('\u{1b}', "␛");
    snapshot!("tree_colours", shown);
    let ascii = Screen { ascii: true, ..screen(100, 40) };
    let shown = drawn(&story, "RUNNING", 124.0, None, &ascii).join("\n");
    assert!(shown.is_ascii(), "{shown}");
    snapshot!("tree_ascii", shown);
    for columns in 30..100 {
        let narrow = Screen { columns, ..ascii };
        let shown = drawn(&story, "RUNNING", 124.0, None, &narrow);
        // Only the row of the sections that were not entered begins with a dot.
        let cut: Vec<&String> = shown.iter().filter(|line| line.ends_with('.')).collect();
        assert!(cut.iter().all(|line| line.ends_with("...")), "{columns} columns: {cut:#?}");
        assert!(columns > 60 || !cut.is_empty(), "{columns} columns: {shown:#?}");
    }
}

#[test]
fn a_tree_fits_any_height() {
    let heights = |story: &Story, seconds: f64, heights: &[usize]| -> String {
        let at = |rows: &usize| {
            let rows = *rows;
            let lines = drawn(story, "RUNNING", seconds, None, &screen(80, rows));
            format!("── {rows} rows\n{}\n", lines.join("\n"))
        };
        heights.iter().map(at).collect()
    };
    snapshot!("forty_states", heights(&forty(), 3.0, &[12, 24, 40, 60]));
    snapshot!("map_of_200", heights(&map(), 195.0, &[5, 8, 12, 24, 60]));
    snapshot!("few_rows", heights(&running(), 124.0, &[4, 5, 6, 7, 8, 12]));
    let story = running();
    let shown = drawn(&story, "RUNNING", 124.0, None, &screen(80, 4)).join("\n");
    assert!(shown.contains("› Wait") && shown.contains("needs you"), "{shown}");
}

/// Six iterations of a Map of 200 items ask a person.
fn map_that_asks() -> Story {
    let mut story = map();
    for index in 163..169 {
        let frame = format!("Process the items[{index}]");
        story.enter(170.0, &frame, engine::journal::StateType::Task, "Ask");
        story.waiting(170.0, &format!("{frame}/Ask"), "waits for an answer", Some(approval()));
    }
    story
}

/// Forty branches of a section run, and one failed.
fn forty_branches() -> Story {
    let mut story = Story::new("release-7k3f", &sections(&["Check all regions", "Release"]));
    story.enter(0.0, "", engine::journal::StateType::Parallel, "Check all regions");
    for number in 0..41 {
        let (frame, name) = (format!("Check all regions[{number}]"), format!("Check region {number}"));
        story.enter(f64::from(number), &frame, engine::journal::StateType::Task, &name);
    }
    let state_path = "Check all regions[7]/Check region 7".to_owned();
    let failure = engine::journal::StepFailure { error: "E".to_owned(), cause: "no answer".to_owned(), details: None };
    story.note(50.0, engine::journal::Note::Failure { state_path, attempt: 1, failure });
    story
}

#[test]
fn what_is_left_out_is_counted() {
    let draw = |story: &Story, screen: &Screen| drawn(story, "RUNNING", 195.0, None, screen);
    snapshot!(
        "map_that_asks",
        at_widths(|screen| draw(&map_that_asks(), &Screen { rows: 24, ..*screen }))
            + &at_widths(|screen| draw(&map_that_asks(), &Screen { rows: 7, ..*screen }))
    );
    snapshot!("branches_of_forty", at_widths(|screen| draw(&forty_branches(), &Screen { rows: 12, ..*screen })));
    for rows in 1..60 {
        let shown = draw(&forty_branches(), &screen(80, rows));
        let running = shown.iter().filter(|line| line.contains("└─● [")).count();
        let is_counted = running == 40 || shown.last().unwrap().contains(&format!("{} ", 40 - running));
        assert!(is_counted, "{rows} rows: {shown:#?}");
    }
}

#[test]
fn a_map_that_asks_shows_how_far_it_is_at_every_width() {
    for columns in [60, 80, 100, 140] {
        for rows in 4..30 {
            let shown = drawn(&map_that_asks(), "RUNNING", 195.0, None, &screen(columns, rows));
            let all = shown.join("\n");
            assert!(all.contains("needs you: flow status import-9c2e"), "{columns}x{rows}: {all}");
            assert!(rows < 7 || all.contains(" 123/200 · "), "{columns}x{rows}: {all}");
            assert!(rows < 12 || all.contains("6 × Ask"), "{columns}x{rows}: {all}");
        }
    }
}

#[test]
fn the_time_left_and_complete_names_are_shown_where_there_is_room() {
    let mut story = running();
    story.view.id = "rehearsal-endpoints-aws-teardown-7k3f".to_owned();
    let header = |columns| drawn(&story, "RUNNING", 124.0, Some(&typical()), &screen(columns, 40)).swap_remove(0);
    assert!(header(60).ends_with("left"), "{}", header(60));
    assert!(header(40).ends_with("2/8   10–16m left"), "the id is cut before the time left is dropped: {}", header(40));
    assert!(header(34).ends_with("RUNNING   2/8"), "the sections done are dropped last: {}", header(34));
    assert!(
        header(140).ends_with("teardown-7k3f   RUNNING   2/8   2m04s   10–16m left + your answer"),
        "{}",
        header(140)
    );
    let name = "Wait until every instance of the load balancer in every region is active";
    let mut story = Story::new("release-7k3f", &sections(&[name, "Then"]));
    story.enter(0.0, "", engine::journal::StateType::Parallel, name);
    let shown = drawn(&story, "RUNNING", 9.0, None, &screen(200, 40)).join("\n");
    assert!(shown.contains(name), "{shown}");
}

#[test]
fn lines_of_a_question_that_are_not_shown_are_announced_on_few_rows() {
    let mut asks = approval();
    asks.values = (1..=9).map(|number| (String::new(), format!("Read page {number}."))).collect();
    let mut story = Story::new("release-7k3f", &sections(&["Ask", "Then"]));
    story.enter(0.0, "", engine::journal::StateType::Task, "Ask");
    story.waiting(1.0, "Ask", "waits for an answer", Some(asks));
    let now_ms = Story::at(60.0);
    let shown = Shown { view: &story.view, display_status: "RUNNING", typical: None, now_ms };
    for rows in 4..30 {
        let lines =
            tree_with_questions(&shown, &summary::questions(&story.view, true, now_ms), &[], &screen(100, rows));
        let all = lines.join("\n");
        let is_complete = (1..=9).all(|number| all.contains(&format!("Read page {number}.")));
        assert!(is_complete || all.contains(" more lines: flow status release-7k3f"), "{rows} rows: {all}");
    }
}

#[test]
fn what_an_interrupted_execution_waits_for_was_due() {
    let (task, wait) = (engine::journal::StateType::Task, engine::journal::StateType::Wait);
    let mut story = Story::new("release-7k3f", &sections(&["Poll", "Sleep"]));
    story.enter(0.0, "", task, "Poll").waiting(1.0, "Poll", "provisioning", None).enter(0.0, "", wait, "Sleep");
    let state = story.view.states.get_mut("Sleep").unwrap();
    state.status = api::view::StateStatus::Sleeping { due_ms: Story::at(30.0) };
    let shown = |display_status| drawn(&story, display_status, 60.0, None, &screen(140, 40)).join("\n");
    assert!(shown("RUNNING").contains("until 12:08:30") && !shown("RUNNING").contains("was due"));
    let interrupted = shown("INTERRUPTED");
    assert!(interrupted.contains("was due 12:08:30") && !interrupted.contains("until"), "{interrupted}");
    assert!(interrupted.contains("next check was due 12:08:31"), "{interrupted}");
    let asked = |seconds| summary::needs(&running().view, true, Story::at(seconds)).join("\n");
    assert!(asked(3_600.0).contains(" Next check was due 12:10:30."), "{}", asked(3_600.0));
    assert!(asked(151.0).contains(" Next check 12:10:30."), "its poll is in flight: {}", asked(151.0));
    let interrupted = summary::needs(&running().view, false, Story::at(151.0)).join("\n");
    assert!(interrupted.contains(" Next check was due 12:10:30."), "no process makes it: {interrupted}");
}

#[test]
fn what_runs_is_shown_in_every_height() {
    for rows in 3..60 {
        let shown = drawn(&forty(), "RUNNING", 3.0, None, &screen(80, rows)).join("\n");
        assert!(shown.contains("Step 36 "), "{rows} rows: {shown}");
        let shown = drawn(&running(), "RUNNING", 124.0, None, &screen(80, rows)).join("\n");
        assert!(shown.contains("needs you"), "{rows} rows: {shown}");
    }
}

#[test]
fn one_row_counts_what_needs_a_person_and_what_runs() {
    let row = |columns| drawn(&map_that_asks(), "RUNNING", 195.0, None, &screen(columns, 1)).join("\n");
    assert_eq!(row(19), "⏸ 6 ✖ 3 ● 40 imp…2e");
    let mut long = forty();
    long.view.id = "x".repeat(80);
    let shown = drawn(&long, "RUNNING", 3.0, None, &screen(79, 1)).join("\n");
    assert!(shown.starts_with("● 1 x"), "{shown}");
}

#[test]
fn a_retry_says_how_many_attempts_are_allowed_and_when_the_next_begins() {
    let path = "Create the load balancer/Create listener";
    let mut story = Story::new("endpoints-aws-7k3f", &sections(&story::NAMES));
    let (parallel, task) = (engine::journal::StateType::Parallel, engine::journal::StateType::Task);
    story.enter(6.2, "", parallel, story::NAMES[2]).enter(6.2, story::NAMES[2], task, "Create listener");
    story.retry(400.0, path, 2, "Rate exceeded");
    let shown = drawn(&story, "RUNNING", 401.0, None, &screen(140, 40)).join("\n");
    assert!(shown.contains("attempt 2 of 4 · next at 12:14:44 · Rate exceeded"), "{shown}");
    let interrupted = drawn(&story, "INTERRUPTED", 460.0, None, &screen(140, 40)).join("\n");
    assert!(interrupted.contains("attempt 2 of 4 · was due 12:14:44 · Rate exceeded"), "{interrupted}");
    let narrow = drawn(&story, "RUNNING", 401.0, None, &screen(60, 40)).join("\n");
    assert!(narrow.contains(" next at 12:14:44"), "the time is never cut: {narrow}");
    let line = lines::lines(&story.view, story.entries.last().unwrap()).join("\n");
    assert!(line.ends_with("attempt 2 of 4, next at 12:14:44: Rate exceeded"), "{line}");
    let state = story.view.states.get_mut(path).unwrap();
    state.status = api::view::StateStatus::Running;
    let shown = drawn(&story, "RUNNING", 410.0, None, &screen(140, 40)).join("\n");
    assert!(shown.contains("attempt 2 of 4"), "{shown}");
}

#[test]
fn lines_and_json_lines() {
    for (name, story) in [("running", running()), ("failed", failed())] {
        let all: Vec<String> = story.entries.iter().flat_map(|entry| lines::lines(&story.view, entry)).collect();
        snapshot!(format!("lines_{name}"), all.join("\n"));
        let line = |entry: &engine::journal::JournalEntry| {
            let event = engine::runner::RunnerEvent::Entry { execution: story.view.id.clone(), entry: entry.clone() };
            json::complete(json::event(&story.view, &event).unwrap()).to_string()
        };
        let mut all: Vec<String> = story.entries.iter().map(line).collect();
        all.push(json::complete(json::watch_end(&story.view, true, Story::at(1_000.0))).to_string());
        snapshot!(format!("json_{name}"), all.join("\n"));
    }
    let heartbeat = lines::heartbeat(&map().view, None, Story::at(195.0)).unwrap();
    let other = lines::heartbeat(&running().view, Some(&typical()), Story::at(124.0)).unwrap();
    snapshot!("heartbeats", format!("{heartbeat}\n{other}"));
}

#[test]
fn summaries() {
    let mut done = Story::new("endpoints-aws-7k3f", &sections(&story::NAMES[..2]));
    done.section(0.0, 0.8, story::NAMES[0])
        .section(0.8, 6.2, story::NAMES[1])
        .made(2.0, "VPC and subnets/Create VPC", "AWS::EC2::VPC", "vpc-0a1b2c3d", false)
        .made(3.0, "VPC and subnets/Create NAT gateway", "AWS::EC2::NatGateway", "nat-0d4e5f", true)
        .event(6.2, "", engine::journal::HistoryEventDetails::ExecutionSucceeded { output: Default::default() });
    let mut shown = summary::end(&done.view, false, Story::at(7.0));
    shown.push(String::new());
    shown.extend(changes::table(&done.view, false));
    snapshot!("summary_succeeded", shown.join("\n"));
    snapshot!("summary_failed", summary::end(&failed().view, false, Story::at(2_000.0)).join("\n"));
    let mut asks = running();
    asks.enter(121.0, "", engine::journal::StateType::Parallel, story::NAMES[7])
        .enter(121.0, story::NAMES[7], engine::journal::StateType::Task, "Choose the stack")
        .waiting(121.0, "Use the application/Choose the stack", "asked", Some(approval()));
    snapshot!("needs_you", summary::waits(&asks.view, true, Story::at(124.0)).join("\n"));
}

#[test]
fn a_junit_report() {
    snapshot!("junit", junit::report([&running().view, &failed().view].into_iter()));
}

fn header(id: &str, change: impl FnOnce(&mut ExecutionHeader)) -> Listed {
    let mut header = running().header;
    header.id = id.to_owned();
    change(&mut header);
    let due = next_check(&header);
    Listed { header, driven: id.starts_with("driven"), needs: None, due }
}

fn next_check(header: &ExecutionHeader) -> Option<NextDue> {
    header.next_wake_ms.map(|due_ms| NextDue { what: DueWork::Check, due_ms })
}

#[test]
fn the_list_of_executions() {
    let ended = |status, seconds: f64| {
        move |header: &mut ExecutionHeader| {
            (header.status, header.stopped_ms) = (status, Some(Story::at(seconds)));
        }
    };
    let listed = [
        header("driven-endpoints-aws-7k3f", |_| {}),
        header("endpoints-aws-waits", |header| header.next_wake_ms = Some(Story::at(90_000.0))),
        header("endpoints-aws-interrupted", |header| header.awake = true),
        header("公開-7k3f", |header| header.paused = true),
        header("endpoints-aws-failed", ended(ExecutionStatus::Failed, 1_000.0)),
        header("rehearsal-endpoints-aws-teardown-7k3f", ended(ExecutionStatus::Succeeded, 900.0)),
        header("endpoints-aws-done", ended(ExecutionStatus::Succeeded, 190_000.0)),
        header(&format!("long-{}", "n".repeat(75)), ended(ExecutionStatus::Aborted, 5.0)),
    ];
    snapshot!(
        "status_list",
        at_widths(|screen| {
            let shown = list(&listed, Story::at(7_200.0), screen);
            let rows = shown.iter().filter(|line| !line.starts_with("    "));
            assert!(rows.clone().all(|line| super::text::width(line) <= screen.columns), "{shown:#?}");
            shown
        })
    );
}

#[test]
fn the_list_says_when_an_execution_that_has_not_ended_changed_last() {
    let changed = |header: &mut ExecutionHeader| header.last_timestamp_ms = Story::at(7_080.0);
    let ended = |header: &mut ExecutionHeader| {
        header.last_timestamp_ms = Story::at(7_080.0);
        (header.status, header.stopped_ms) = (ExecutionStatus::Succeeded, Some(Story::at(7_080.0)));
    };
    let listed = [header("waits", changed), header("done", ended)];
    let wide = list(&listed, Story::at(7_200.0), &screen(140, 40));
    assert!(wide[0].ends_with("   changed 2m00s ago") && !wide[1].contains("changed"), "{wide:#?}");
    let narrow = list(&listed, Story::at(7_200.0), &screen(80, 40));
    assert!(narrow.iter().all(|line| !line.contains("changed")), "a command has the room: {narrow:#?}");
}

#[test]
fn an_execution_in_detail() {
    let detail = |story: &Story, driven: bool, seconds: f64, screen: &Screen| {
        let now_ms = Story::at(seconds);
        let display_status = display_status(&story.header, driven, None, now_ms);
        let (header, view, typical, environment_line) =
            (&story.header, &story.view, &Typical::default(), "account 111122223333   region eu-central-1");
        let (needs, due, resume_variables, beside_owner) = (None, next_check(header), "", &[][..]);
        let detail = Detail {
            header,
            view,
            needs,
            due,
            display_status,
            typical,
            environment_line,
            resume_variables,
            beside_owner,
            now_ms,
        };
        detail.lines(screen)
    };
    let mut waits = running();
    waits.header.next_wake_ms = Some(Story::at(150.0));
    snapshot!("status_detail", at_widths(|screen| detail(&waits, false, 124.0, screen)));
    let mut ended = failed();
    (ended.header.status, ended.header.stopped_ms) = (ExecutionStatus::Failed, Some(Story::at(1_000.0)));
    snapshot!("status_detail_failed", detail(&ended, false, 9_000.0, &screen(100, usize::MAX)).join("\n"));
}

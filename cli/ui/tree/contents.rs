//! The states inside each section, sorted in one pass over the execution's states: a pass for each section would be quadratic, because
//! every state of a chain is a section.

use std::collections::HashMap;

use api::view::{StateView, StepChange, View, outer_paths};
use engine::journal::StateType;

/// The states inside a section, in the view's order.
#[derive(Default)]
pub struct Contents<'v> {
    /// The innermost states that run, wait or failed. A section that is such a state itself is among them.
    pub active: Vec<&'v StateView>,
    /// The Maps that were not left.
    pub maps: Vec<&'v StateView>,
    /// The changes of its steps.
    pub changes: Vec<&'v StepChange>,
    /// Whether the section or a state inside it failed.
    pub has_failed: bool,
}

/// The states inside each section, by its path.
pub fn by_section(view: &View) -> HashMap<&str, Contents<'_>> {
    let mut sections: HashMap<&str, Contents<'_>> = HashMap::with_capacity(view.sections.len());
    for section in &view.sections {
        sections.insert(section.path.as_str(), Contents::default());
    }
    for state in view.order.iter().filter_map(|path| view.states.get(path)).filter(|state| !state.status.is_left()) {
        for path in outer_paths(&state.path).chain([state.path.as_str()]) {
            let Some(contents) = sections.get_mut(path) else { continue };
            contents.has_failed |= state.failure().is_some();
            match state.state_type {
                StateType::Map if path != state.path => contents.maps.push(state),
                StateType::Map | StateType::Parallel => {}
                _ => contents.active.push(state),
            }
        }
    }
    for step in &view.changes {
        for path in outer_paths(&step.state_path) {
            if let Some(contents) = sections.get_mut(path) {
                contents.changes.push(step);
            }
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use api::view::StateStatus;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::ui::{
        screen::Screen,
        story::{Story, sections},
        tree::{Shown, tree},
    };

    /// Drawing a chain of 20,000 states took minutes while it was quadratic.
    const DRAWING_MAX: Duration = Duration::from_secs(20);

    /// The time that drawings at several heights take.
    fn drawing_time(view: &View) -> Duration {
        let began = Instant::now();
        for rows in [1, 24, usize::MAX] {
            let shown = Shown { view, display_status: "RUNNING", typical: None, now_ms: Story::at(60.0) };
            let lines = tree(&shown, &Screen { columns: 80, rows, color: false, ascii: false });
            assert!(!lines.is_empty() && lines.len() <= rows);
        }
        began.elapsed()
    }

    #[test]
    fn the_time_of_a_drawing_is_proportional_to_the_states() {
        let number = 20_000;
        let state = |n: usize| match n + 1 < number {
            true => json!({ "Type": "Pass", "Next": format!("State {}", n + 1) }),
            false => json!({ "Type": "Pass", "End": true }),
        };
        let states: Map<String, Value> = (0..number).map(|n| (format!("State {n}"), state(n))).collect();
        let mut chain = Story::new("chain-7k3f", &sections(&["One"]));
        chain.view = View::new(&chain.header, &json!({ "StartAt": "State 0", "States": states }));
        for n in 0..number {
            chain.enter(0.0, "", StateType::Pass, &format!("State {n}"));
            if n + 1 < number {
                chain.exit(0.0, "", StateType::Pass, &format!("State {n}"));
            }
        }
        let took = drawing_time(&chain.view);
        assert!(took < DRAWING_MAX, "a chain: {took:?}");
        let branch = json!({ "StartAt": "Call", "States": { "Call": { "Type": "Task", "End": true } } });
        let branches = vec![branch; number];
        let mut parallel = Story::new("wide-7k3f", &sections(&["One"]));
        let definition =
            json!({ "StartAt": "All", "States": { "All": { "Type": "Parallel", "Branches": branches, "End": true } } });
        parallel.view = View::new(&parallel.header, &definition);
        for n in 0..number {
            parallel.enter(0.0, &format!("All[{n}]"), StateType::Task, "Call");
        }
        let took = drawing_time(&parallel.view);
        assert!(took < DRAWING_MAX, "branches: {took:?}");
    }

    #[test]
    fn a_section_contains_what_is_active_its_maps_and_its_changes() {
        let mut story = Story::new("release-7k3f", &sections(&["First", "Second"]));
        story.enter(0.0, "", StateType::Parallel, "First").enter(0.0, "First", StateType::Map, "Each");
        story.enter(1.0, "First/Each[0]", StateType::Task, "Call").enter(1.0, "First/Each[1]", StateType::Task, "Call");
        story.exit(2.0, "First/Each[1]", StateType::Task, "Call");
        story.made(1.0, "First/Each[0]/Call", "AWS::EC2::VPC", "vpc-1", false);
        let all = by_section(&story.view);
        let first = &all["First"];
        let paths = |states: &[&StateView]| states.iter().map(|state| state.path.clone()).collect::<Vec<_>>();
        assert_eq!(paths(&first.active), ["First/Each[0]/Call"]);
        assert_eq!(paths(&first.maps), ["First/Each"]);
        assert_eq!((first.changes.len(), first.has_failed), (1, false));
        assert!(all["Second"].active.is_empty());
        let failed = StateStatus::Failed {
            stopped_ms: 1,
            attempt: 1,
            failure: engine::journal::StepFailure { error: "E".to_owned(), cause: String::new(), details: None },
        };
        if let Some(state) = story.view.states.get_mut("First/Each[0]/Call") {
            state.status = failed;
        }
        assert!(by_section(&story.view)["First"].has_failed);
    }
}

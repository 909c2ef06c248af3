//! The cost of a run of a deployed workflow and its size in comparison with Step Functions' limits, in words and as fields of a JSON line.

use deploy::{EVENTS_MAX, MapSize, RunSize, Size};
use serde_json::{Value, json};

use crate::ui::text::counted;

/// The price of a million state transitions in us-east-1, in dollars (AWS Step Functions pricing, Standard workflows).
const DOLLARS_PER_MILLION_TRANSITIONS: f64 = 25.0;

/// The price of state transitions, in dollars.
fn dollars(transitions: u64) -> f64 {
    transitions as f64 * DOLLARS_PER_MILLION_TRANSITIONS / 1_000_000.0
}

/// The transitions of a run and their price: the fewest, each state once, and with every retry.
pub(in crate::commands) fn size_text(size: &RunSize) -> String {
    let count = |size: &Size| format!("{} (${:.6})", size.transitions, dollars(size.transitions));
    let [fewest, once, most] = [&size.fewest, &size.each_once, &size.with_retries].map(count);
    format!("transitions of a run: at least {fewest}, with each state once {once}, with every retry {most}")
}

/// The events and the cost that each item of a Map adds.
pub(in crate::commands) fn map_text(map: &MapSize) -> String {
    let Size { transitions, events } = map.item;
    let words = counted(usize::try_from(transitions).unwrap_or(usize::MAX), "transition");
    let price = format!("the Map '{}' adds {words} (${:.6})", map.name, dollars(transitions));
    match map.items_max() {
        Some(most) => {
            format!("{price} and {events} events for each item: at most {most} items within {EVENTS_MAX} events")
        }
        None => format!("{price} for each item"),
    }
}

/// The sizes of a run as fields of a JSON line.
pub(in crate::commands) fn size_fields(size: &RunSize) -> Value {
    let map = |map: &MapSize| {
        json!({ "name": map.name, "transitionsEachItem": map.item.transitions, "eventsEachItem": map.item.events,
            "itemsMax": map.items_max() })
    };
    json!({
        "transitions": size.each_once.transitions, "transitionsMin": size.fewest.transitions,
        "transitionsMax": size.with_retries.transitions, "events": size.each_once.events,
        "dollarsPerRun": dollars(size.each_once.transitions), "dollarsMin": dollars(size.fewest.transitions),
        "dollarsMax": dollars(size.with_retries.transitions), "maps": size.maps.iter().map(map).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use deploy::CompileOptions;

    use super::*;
    use crate::{commands::deploy::HEARTBEAT_SECONDS_DEFAULT, deployment::DeploymentSource, environments};

    #[test]
    fn the_document_has_the_transitions_and_the_price_of_the_runbook() {
        let steps = environments::described().unwrap();
        let definition = workflows::find("endpoints-aws").unwrap().definition().unwrap();
        let options = CompileOptions { heartbeat_seconds: HEARTBEAT_SECONDS_DEFAULT, server_asks: false };
        let source = DeploymentSource { definition: &definition, steps, options };
        let size = source.compile(&Default::default()).unwrap().size;
        let document = include_str!("../../../docs/scale.md");
        let rows =
            [("the fewest", size.fewest), ("each state once", size.each_once), ("every retry", size.with_retries)];
        for (which, size) in rows {
            let row = format!("{which} | {} | ${:.4} |", size.transitions, dollars(size.transitions));
            assert!(document.contains(&row), "docs/scale.md has no row with {row}");
        }
    }

    #[test]
    fn the_price_of_a_run_is_a_range_and_each_map_has_a_bound() {
        let size = |transitions, events| Size { transitions, events };
        let map = |item| MapSize { name: "Each".to_owned(), item };
        let maps = vec![map(size(2, 9)), map(size(1, 0))];
        let run = RunSize { fewest: size(3, 6), each_once: size(139, 600), with_retries: size(4_000, 9_000), maps };
        assert_eq!(
            size_text(&run),
            "transitions of a run: at least 3 ($0.000075), with each state once 139 ($0.003475), with every retry 4000 ($0.100000)"
        );
        let words: Vec<String> = run.maps.iter().map(map_text).collect();
        let [inline, distributed] = &words[..] else { panic!("{words:?}") };
        assert!(inline.ends_with("and 9 events for each item: at most 2777 items within 25000 events"), "{inline}");
        assert!(distributed.ends_with("adds 1 transition ($0.000025) for each item"), "{distributed}");
        let fields = size_fields(&run);
        assert_eq!((&fields["transitionsMin"], &fields["maps"][0]["itemsMax"]), (&json!(3), &json!(2_777)));
    }
}

//! The resources that an execution created, found, changed and deleted.

use api::view::{View, action_name};
use engine::step::{ChangeAction, ResourceChange};

use super::{
    cells::filled,
    text::{one_line, short_id, visible, width},
};

/// The number of resources by change: `3 created, 0 updated, 40 unchanged`.
pub fn changes(view: &View) -> String {
    let counts = view.change_counts();
    let count = |word: &str| counts.get(word).copied().unwrap_or(0);
    let mut text =
        format!("{} created, {} updated, {} unchanged", count("created"), count("updated"), count("unchanged"));
    for word in ["adopted", "deleted"] {
        if count(word) > 0 {
            text.push_str(&format!(", {} {word}", count(word)));
        }
    }
    text
}

/// The resources that were created and are kept: the billed ones by name, the others by their number.
pub fn kept(view: &View) -> Vec<String> {
    let resources = view.resources().into_iter();
    let created = resources.filter(|(_, action)| *action == ChangeAction::Created).map(|(change, _)| change);
    let (billed, free): (Vec<_>, Vec<_>) = created.partition(|change| change.billed);
    let mut kept: Vec<String> =
        billed.into_iter().map(|change| format!("{} ← billed while it exists", label(change))).collect();
    if !free.is_empty() {
        let verb = if free.len() == 1 { "costs" } else { "cost" };
        kept.push(format!("{} that {verb} nothing", free.len()));
    }
    kept
}

fn label(change: &ResourceChange) -> String {
    let kind = change.resource_type.rsplit("::").next().unwrap_or_default();
    one_line(&format!("{kind} {}", change.name.clone().unwrap_or_else(|| short_id(&change.id))))
}

/// The id of a resource beside its name: empty if the name is all of it.
fn id_beside_name(change: &ResourceChange) -> String {
    let id = short_id(&change.id);
    let is_name = change.name.as_ref().is_some_and(|name| id.trim_start_matches('…') == name);
    if is_name { String::new() } else { visible(&id) }
}

/// A resource in one line: its id, and its name if the id does not end with it.
pub fn id_and_name(change: &ResourceChange) -> String {
    let id = short_id(&change.id);
    let ends_with =
        |name: &str| id.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with(['/', ':', '…']));
    match change.name.as_deref().filter(|name| !ends_with(name)) {
        Some(name) => format!("{id} ({name})"),
        None => id,
    }
}

/// The table of created, found and deleted resources: one row for each, with the change that [`changes`] counts. With `only_changes`,
/// without the unchanged ones.
pub fn table(view: &View, only_changes: bool) -> Vec<String> {
    let resources = view.resources().into_iter();
    let shown = resources.filter(|(_, action)| !only_changes || *action != ChangeAction::Unchanged);
    let rows: Vec<[String; 4]> = shown
        .map(|(change, action)| {
            [
                action_name(action).to_owned(),
                change.resource_type.clone(),
                change.name.clone().unwrap_or_default(),
                id_beside_name(change),
            ]
        })
        .collect();
    let cells = |column: usize| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0);
    let (a, b, c) = (cells(0), cells(1), cells(2));
    let line = |[change, kind, name, id]: &[String; 4]| {
        format!("  {}  {}  {}  {id}", filled(change.clone(), a), filled(kind.clone(), b), filled(one_line(name), c))
            .trim_end()
            .to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use engine::journal::Note;

    use super::*;
    use crate::ui::story::{Story, sections};

    #[test]
    fn a_table_and_a_count_name_the_largest_change_of_a_resource_once() {
        let mut story = Story::new("teardown-7k3f", &sections(&["Delete"]));
        let actions = [ChangeAction::Unchanged, ChangeAction::Updated, ChangeAction::Deleted];
        let databases = actions.map(|action| ResourceChange::new(action, "AWS::RDS::DBInstance", "arn:db"));
        let rules = ["sgr-1", "sgr-2"]
            .map(|id| ResourceChange::new(ChangeAction::Deleted, "AWS::EC2::SecurityGroupIngress", id).named("SSH"));
        let kept = ResourceChange::new(ChangeAction::Unchanged, "AWS::EC2::VPC", "vpc-1");
        for change in databases.into_iter().chain(rules).chain([kept]) {
            story.note(1.0, Note::ResourceChanged { state_path: "Delete".to_owned(), change });
        }
        let view = &story.view;
        assert_eq!(changes(view), "0 created, 0 updated, 1 unchanged, 3 deleted");
        assert_eq!(table(view, false).iter().filter(|row| row.starts_with("  deleted ")).count(), 3);
        assert_eq!(table(view, true).len(), 3);
    }

    #[test]
    fn a_name_that_is_the_id_is_printed_once() {
        let alarm = "arn:aws:sns:eu-central-1:123456789012:rehearsal-alarms";
        let role = "arn:aws:iam::123456789012:role/rehearsal-task";
        for (id, name, line, cell) in [
            ("/ecs/rehearsal", "/ecs/rehearsal", "/ecs/rehearsal", ""),
            (alarm, "rehearsal-alarms", "…rehearsal-alarms", ""),
            (role, "rehearsal-task", "…role/rehearsal-task", "…role/rehearsal-task"),
            ("vpc-1", "rehearsal", "vpc-1 (rehearsal)", "vpc-1"),
            ("my-rehearsal", "rehearsal", "my-rehearsal (rehearsal)", "my-rehearsal"),
        ] {
            let change = ResourceChange::new(ChangeAction::Created, "T", id).named(name);
            assert_eq!((id_and_name(&change).as_str(), id_beside_name(&change).as_str()), (line, cell));
        }
        let change = ResourceChange::new(ChangeAction::Created, "T", "vpc-1");
        assert_eq!((id_and_name(&change).as_str(), id_beside_name(&change).as_str()), ("vpc-1", "vpc-1"));
    }
}

//! Collects the reports of steps in a plan.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value};

use super::{Planned, PlannedAction, PlannedChange, PlannedFailure, PlannedWait, SettingDifference, is_unknown};

/// The reports of a plan.
#[derive(Debug, Default)]
pub(crate) struct PlanRecord {
    /// Held by the step that runs: one runs at a time.
    step_lock: tokio::sync::Mutex<()>,
    recorded: Mutex<Recorded>,
}

#[derive(Debug, Default)]
struct Recorded {
    planned: Planned,
    /// The calls that the current step would have made.
    calls: Vec<String>,
    /// The differences that the current step found.
    differences: Vec<SettingDifference>,
    /// The existing resources that a search found, by id.
    found: BTreeMap<String, FoundResource>,
    /// The service whose steps change the resources of a type, such as `ecs`.
    services: BTreeMap<String, String>,
}

/// The name and settings of an existing resource, as a search read them. The step that deletes it has only its id.
#[derive(Debug, Clone, Default)]
pub(crate) struct FoundResource {
    /// The name that people use.
    pub(crate) name: Option<String>,
    /// The settings that determine its price, named as in the input of the step that creates it.
    pub(crate) settings: Value,
}

impl Recorded {
    /// The changes of a service's resources that have one of the names.
    fn named<'a>(&'a self, service: &'a str, names: &'a [&str]) -> impl Iterator<Item = &'a PlannedChange> {
        let is_of_service =
            move |change: &&PlannedChange| self.services.get(&change.resource_type).is_some_and(|of| of == service);
        self.planned.changes.iter().filter(is_of_service).filter(move |change| is_named(change, names))
    }
}

fn is_named(change: &PlannedChange, names: &[&str]) -> bool {
    names.contains(&change.id.as_str()) || change.name.as_deref().is_some_and(|name| names.contains(&name))
}

impl PlanRecord {
    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a step. No other step runs until the guard is dropped.
    pub(crate) async fn begin_step(&self, actions: &[String]) -> tokio::sync::MutexGuard<'_, ()> {
        let step = self.step_lock.lock().await;
        let mut recorded = self.recorded();
        recorded.calls.clear();
        recorded.differences.clear();
        recorded.planned.actions.extend(actions.iter().cloned());
        drop(recorded);
        step
    }

    /// The calls that the step would have made, and the differences that it found.
    pub(crate) fn end_step(&self) -> (Vec<String>, Vec<SettingDifference>) {
        let mut recorded = self.recorded();
        (std::mem::take(&mut recorded.calls), std::mem::take(&mut recorded.differences))
    }

    /// Records a call that the current step would have made.
    pub(crate) fn record_call(&self, operation: &str) {
        self.recorded().calls.push(operation.to_owned());
    }

    /// Records a difference that the current step found.
    pub(crate) fn record_difference(&self, difference: SettingDifference) {
        self.recorded().differences.push(difference);
    }

    /// Records the name and settings of a resource that a search found.
    pub(crate) fn record_found(&self, id: &str, found: FoundResource) {
        self.recorded().found.insert(id.to_owned(), found);
    }

    /// Records the lists `notes` and `stays` of a step's output, which the result of a run repeats.
    pub(crate) fn record_remarks(&self, output: &Value) {
        let mut recorded = self.recorded();
        let planned = &mut recorded.planned;
        for (field, list) in [("notes", &mut planned.notes), ("stays", &mut planned.stays)] {
            for text in output[field].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !list.iter().any(|known| known == text) {
                    list.push(text.to_owned());
                }
            }
        }
    }

    /// Records that steps of a service change the resources of a type.
    pub(crate) fn record_service(&self, service: &str, resource_type: &str) {
        self.recorded().services.insert(resource_type.to_owned(), service.to_owned());
    }

    /// Records the failure of a wait. Only the first one counts: the run ends with it.
    pub(crate) fn record_failure(&self, failure: PlannedFailure) {
        self.recorded().planned.failure.get_or_insert(failure);
    }

    /// Records the change of a resource. A resource that several steps touch is recorded once: a deletion outweighs an
    /// update, and an update outweighs no change. Two names of one id are two resources: the rules of a group have its id until they
    /// exist.
    pub(crate) fn record_change(&self, mut change: PlannedChange) {
        let mut recorded = self.recorded();
        if let Some(found) = recorded.found.get(&change.id) {
            change.name = change.name.or_else(|| found.name.clone());
            if change.action == PlannedAction::Delete {
                change.settings = found.settings.clone();
            }
        }
        let is_known = !is_unknown(&change.id);
        let is_name = |name: Option<&str>| change.name.is_none() || name.is_none() || change.name.as_deref() == name;
        let same = |known: &&mut PlannedChange| {
            known.resource_type == change.resource_type && known.id == change.id && is_name(known.name.as_deref())
        };
        match recorded.planned.changes.iter_mut().find(same).filter(|_| is_known) {
            Some(known) => {
                known.fields.extend(change.fields);
                if known.action == PlannedAction::Unchanged || change.action == PlannedAction::Delete {
                    (known.action, known.state) = (change.action, change.state);
                }
                if known.action == PlannedAction::Delete {
                    known.settings = change.settings;
                }
                known.name = known.name.take().or(change.name);
            }
            None => recorded.planned.changes.push(change),
        }
    }

    /// Records a wait of the run.
    pub(crate) fn record_wait(&self, wait: PlannedWait) {
        self.recorded().planned.waits.push(wait);
    }

    /// Whether one of the names belongs to a resource of a service that the plan creates.
    pub(crate) fn creates_in(&self, service: &str, names: &[&str]) -> bool {
        let recorded = self.recorded();
        let mut named = recorded.named(service, names);
        named.any(|change| change.action == PlannedAction::Create)
    }

    /// The settings of a service's resources with one of the names after the run, by the fields of the steps' inputs. The last
    /// resource of the plan determines a field that several have.
    pub(crate) fn settings_after(&self, service: &str, names: &[&str]) -> Map<String, Value> {
        let recorded = self.recorded();
        let kept = recorded.named(service, names).filter(|change| change.action != PlannedAction::Delete);
        kept.filter_map(|change| change.settings.as_object())
            .flatten()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// As [`Self::settings_after`], but only the fields that the plan updates.
    pub(crate) fn updated_settings(&self, service: &str, names: &[&str]) -> Map<String, Value> {
        let recorded = self.recorded();
        let updated = recorded.named(service, names).filter(|change| change.action == PlannedAction::Update);
        let fields = updated.flat_map(|change| change.fields.iter().map(move |field| (&field.field, &change.settings)));
        fields.filter_map(|(field, settings)| settings.get(field).map(|value| (field.clone(), value.clone()))).collect()
    }

    /// Whether one of the names belongs to a resource that the plan creates.
    pub(crate) fn creates_any_of(&self, names: &[&str]) -> bool {
        self.has_any_of(names, |action| action == PlannedAction::Create)
    }

    /// Whether one of the names belongs to a resource that the plan updates.
    pub(crate) fn updates_any_of(&self, names: &[&str]) -> bool {
        self.has_any_of(names, |action| action == PlannedAction::Update)
    }

    fn has_any_of(&self, names: &[&str], wanted: impl Fn(PlannedAction) -> bool) -> bool {
        let recorded = self.recorded();
        let mut changes = recorded.planned.changes.iter().filter(|change| wanted(change.action));
        changes.any(|change| is_named(change, names))
    }

    pub(crate) fn planned(&self) -> Planned {
        self.recorded().planned.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planned::ResourceCost;

    fn change(action: PlannedAction, name: Option<&str>, fields: &[&str]) -> PlannedChange {
        let field =
            |field: &&str| SettingDifference { field: (*field).to_owned(), from: "a".to_owned(), to: "b".to_owned() };
        PlannedChange {
            action,
            resource_type: "AWS::RDS::DBInstance".to_owned(),
            name: name.map(str::to_owned),
            id: "arn:db".to_owned(),
            fields: fields.iter().map(field).collect(),
            state: format!("{action:?}"),
            cost: ResourceCost::default(),
            settings: Value::Null,
        }
    }

    #[test]
    fn a_resource_that_several_steps_touch_is_listed_once() {
        let record = PlanRecord::default();
        record.record_change(change(PlannedAction::Unchanged, Some("demo-db"), &[]));
        record.record_change(change(PlannedAction::Update, None, &["deletionProtection"]));
        let planned = record.planned();
        let [only] = planned.changes.as_slice() else { panic!("{planned:?}") };
        assert_eq!((only.action, only.name.as_deref(), only.fields.len()), (PlannedAction::Update, Some("demo-db"), 1));
        record.record_change(change(PlannedAction::Delete, Some("demo-db"), &[]));
        let planned = record.planned();
        assert_eq!(planned.changes.len(), 1);
        // The deletion protection is switched off first.
        assert_eq!((planned.changes[0].action, planned.changes[0].fields.len()), (PlannedAction::Delete, 1));
    }

    #[test]
    fn later_steps_have_the_values_that_the_plan_sets() {
        let record = PlanRecord::default();
        let settings = serde_json::json!({ "allocatedStorageGib": 30, "engineVersion": "14" });
        record.record_service("rds", "AWS::RDS::DBInstance");
        let update = change(PlannedAction::Update, Some("demo-db"), &["allocatedStorageGib"]);
        record.record_change(PlannedChange { settings: settings.clone(), ..update });
        let updated = Value::Object(record.updated_settings("rds", &["demo-db"]));
        assert_eq!(updated, serde_json::json!({ "allocatedStorageGib": 30 }));
        assert_eq!(Value::Object(record.settings_after("rds", &["demo-db"])), settings);
        assert!(record.updated_settings("ecs", &["demo-db"]).is_empty() && !record.creates_in("rds", &["demo-db"]));
    }

    #[test]
    fn two_rules_that_have_the_id_of_their_group_are_two_resources() {
        let record = PlanRecord::default();
        record.record_change(change(PlannedAction::Create, Some("PostgreSQL from the application"), &[]));
        record.record_change(change(PlannedAction::Create, Some("PostgreSQL from the bastion"), &[]));
        assert_eq!(record.planned().changes.len(), 2);
    }

    #[test]
    fn a_deletion_has_the_name_and_the_settings_that_the_search_found() {
        let record = PlanRecord::default();
        let settings = serde_json::json!({ "instanceClass": "db.t4g.micro" });
        record.record_found("arn:db", FoundResource { name: Some("demo-db".to_owned()), settings: settings.clone() });
        record.record_change(change(PlannedAction::Delete, None, &[]));
        let planned = record.planned();
        assert_eq!((planned.changes[0].name.as_deref(), &planned.changes[0].settings), (Some("demo-db"), &settings));
    }

    #[test]
    fn what_a_step_notes_and_what_stays_is_listed_once() {
        let record = PlanRecord::default();
        let output = serde_json::json!({ "notes": ["a note"], "stays": ["a record"] });
        record.record_remarks(&output);
        record.record_remarks(&output);
        let planned = record.planned();
        assert_eq!((planned.notes, planned.stays), (vec!["a note".to_owned()], vec!["a record".to_owned()]));
    }
}

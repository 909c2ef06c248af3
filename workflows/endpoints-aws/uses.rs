//! The settings that use each field of the input. A field that no chosen setting uses would be ignored: it is refused, or named in a
//! warning.

use serde_json::Value;

use crate::problem::InputProblem;

/// The condition under which a run uses a field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Used {
    /// With every input.
    Always,
    /// Only while the field at the pointer has one of these values. Otherwise another value than the default is refused.
    InMode(&'static str, &'static [&'static str]),
    /// Only while the field at the pointer is true. Otherwise a value other than the default is named in a warning and not refused: a part
    /// can be switched off and on again without a change of its input.
    WhileOn(&'static str),
}

const NEW_VPC: Used = Used::InMode("/vpc/mode", &["new"]);
const BASTION: Used = Used::WhileOn("/bastion/enabled");

/// Every field of the schema, as a JSON Pointer.
pub(crate) static USES: [(&str, Used); 43] = [
    ("/deployment", Used::Always),
    ("/domain", Used::Always),
    ("/region", Used::Always),
    ("/allowedAccountIds", Used::Always),
    ("/certificate/validation", Used::Always),
    ("/certificate/arn", Used::InMode("/certificate/validation", &["EXISTING"])),
    ("/hostedZoneId", Used::Always),
    ("/vpc/mode", Used::Always),
    ("/vpc/id", Used::InMode("/vpc/mode", &["existing"])),
    ("/vpc/cidr", NEW_VPC),
    ("/vpc/subnetCidrs", NEW_VPC),
    ("/vpc/availabilityZones", NEW_VPC),
    ("/vpc/subnetIds", Used::InMode("/vpc/mode", &["default", "existing"])),
    ("/sshSourceCidr", BASTION),
    ("/bastion/enabled", Used::Always),
    ("/bastion/instanceType", BASTION),
    ("/bastion/ubuntuRelease", BASTION),
    ("/bastion/waitForSsh", BASTION),
    ("/bastion/keyPair/existing", BASTION),
    ("/bastion/keyPair/publicKeyFile", BASTION),
    // The default of the key pair generates one.
    ("/bastion/keyPair/generate", Used::Always),
    ("/bastion/keyPair/privateKeyFile", BASTION),
    ("/database/version", Used::Always),
    ("/database/instanceClass", Used::Always),
    ("/database/allocatedStorageGib", Used::Always),
    ("/database/storageType", Used::Always),
    ("/database/multiAz", Used::Always),
    ("/database/backupRetentionDays", Used::Always),
    ("/database/deletionProtection", Used::Always),
    ("/database/username", Used::Always),
    ("/application/mode", Used::Always),
    ("/application/image", Used::Always),
    ("/application/cpu", Used::Always),
    ("/application/memoryMib", Used::Always),
    ("/application/containerMemoryMib", Used::Always),
    ("/application/desiredCount", Used::Always),
    ("/application/timezoneId", Used::InMode("/application/mode", &["single"])),
    ("/application/environmentDisplayName", Used::InMode("/application/mode", &["multi"])),
    ("/application/environment", Used::Always),
    ("/logRetentionDays", Used::Always),
    ("/alarms/enabled", Used::Always),
    ("/alarms/email", Used::WhileOn("/alarms/enabled")),
    ("/overwriteDnsRecord", Used::Always),
];

/// The fields that the chosen modes do not use, and that have another value than the default.
pub(super) fn problems(schema: &Value, input: &Value) -> Vec<InputProblem> {
    let unused = USES.iter().filter_map(|(pointer, used)| match used {
        Used::InMode(switch, modes) => unused_in_mode(schema, input, pointer, switch, modes),
        Used::Always | Used::WhileOn(_) => None,
    });
    unused.collect()
}

fn unused_in_mode(schema: &Value, input: &Value, pointer: &str, switch: &str, modes: &[&str]) -> Option<InputProblem> {
    let mode = input.pointer(switch)?.as_str()?;
    // The schema reports a mode that does not exist.
    let exists = property(schema, switch)?["enum"].as_array()?.iter().any(|known| known == mode);
    if !exists || modes.contains(&mode) || !is_given(schema, input, pointer) {
        return None;
    }
    let (field, switch) = (field(pointer), field(switch));
    let problem = format!("is not used, because {switch} is {mode}");
    let allowed = format!("{field} only with {switch} {}; else leave {field} out", modes.join(" or "));
    Some(InputProblem::at(input, pointer, problem, allowed))
}

/// A sentence for each switch that is off while fields have other values than their defaults, which the run does not use.
pub(super) fn warnings(schema: &Value, input: &Value) -> Vec<String> {
    let mut unused: Vec<(&str, Vec<String>)> = Vec::new();
    for (pointer, used) in &USES {
        let Used::WhileOn(switch) = used else { continue };
        if input.pointer(switch) != Some(&Value::Bool(false)) || !is_given(schema, input, pointer) {
            continue;
        }
        match unused.iter_mut().find(|(known, _)| known == switch) {
            Some((_, fields)) => fields.push(field(pointer)),
            None => unused.push((*switch, vec![field(pointer)])),
        }
    }
    let sentence = |(switch, fields): (&str, Vec<String>)| {
        format!("{} is off, so this run does not use {}", field(switch), fields.join(", "))
    };
    unused.into_iter().map(sentence).collect()
}

/// Whether a field has another value than its default.
fn is_given(schema: &Value, input: &Value, pointer: &str) -> bool {
    let default = property(schema, pointer).map_or(&Value::Null, |property| &property["default"]);
    input.pointer(pointer).is_some_and(|value| value != default)
}

/// The schema of the field at a pointer.
fn property<'a>(schema: &'a Value, pointer: &str) -> Option<&'a Value> {
    pointer.split('/').skip(1).try_fold(schema, |schema, name| schema["properties"].get(name))
}

/// The field as written with `--set`, such as `vpc.id`.
fn field(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

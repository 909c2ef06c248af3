//! Fargate's sizes of tasks.

use std::sync::Arc;

use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Environment;

const GIB: i64 = 1024;

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "preflight:checkFargateSize",
        "Checks processor units and memory against Fargate's table.",
        [],
        check_fargate_size
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FargateSize {
    /// Processor units: 1024 are one processor.
    cpu: i64,
    memory_mib: i64,
    /// The container's own limit.
    container_memory_mib: i64,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CheckedSize {
    cpu: i64,
    memory_mib: i64,
    /// The memory that the container leaves.
    memory_left_for_system_mib: i64,
}

async fn check_fargate_size(
    _environment: Arc<Environment>,
    _context: StepContext,
    input: FargateSize,
) -> StepResult<CheckedSize> {
    check(&input).map(Answer::done).map_err(|cause| StepError::new(ErrorClass::Invalid, cause))
}

/// Processor units, and the allowed memory: least, most, and the increment.
const SIZES: [(i64, i64, i64, i64); 7] = [
    // 256 units allow 512, 1024 and 2048 MiB, each the double of the previous one; `memory_sizes` handles this.
    (256, 512, 2 * GIB, 0),
    (512, GIB, 4 * GIB, GIB),
    (1024, 2 * GIB, 8 * GIB, GIB),
    (2048, 4 * GIB, 16 * GIB, GIB),
    (4096, 8 * GIB, 30 * GIB, GIB),
    (8192, 16 * GIB, 60 * GIB, 4 * GIB),
    (16384, 32 * GIB, 120 * GIB, 8 * GIB),
];

fn memory_sizes(least: i64, most: i64, step: i64) -> impl Iterator<Item = i64> {
    std::iter::successors(Some(least), move |size| Some(if step == 0 { size * 2 } else { size + step }))
        .take_while(move |size| *size <= most)
}

fn check(input: &FargateSize) -> Result<CheckedSize, String> {
    let &FargateSize { cpu, memory_mib, container_memory_mib } = input;
    let Some((_, least, most, step)) = SIZES.into_iter().find(|size| size.0 == cpu) else {
        let allowed: Vec<String> = SIZES.iter().map(|size| size.0.to_string()).collect();
        return Err(format!("Fargate has no size of {cpu} processor units: allowed are {}", allowed.join(", ")));
    };
    if !memory_sizes(least, most, step).any(|size| size == memory_mib) {
        return Err(format!(
            "Fargate does not pair {cpu} processor units with {memory_mib} MiB of memory: allowed are {}",
            in_words(least, most, step)
        ));
    }
    if container_memory_mib < 1 || container_memory_mib > memory_mib {
        return Err(format!(
            "the container's limit of {container_memory_mib} MiB is not within the task's {memory_mib} MiB: allowed \
             are 1 to {memory_mib}"
        ));
    }
    Ok(CheckedSize { cpu, memory_mib, memory_left_for_system_mib: memory_mib - container_memory_mib })
}

fn in_words(least: i64, most: i64, step: i64) -> String {
    let sizes: Vec<String> = memory_sizes(least, most, step).map(|size| size.to_string()).collect();
    if sizes.len() <= 8 { sizes.join(", ") } else { format!("{least} to {most} in steps of {step}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn size(cpu: i64, memory_mib: i64, container_memory_mib: i64) -> FargateSize {
        FargateSize { cpu, memory_mib, container_memory_mib }
    }

    #[test]
    fn pairs_that_fargate_refuses_are_refused_before_any_change() {
        assert_eq!(check(&size(256, 512, 450)).unwrap().memory_left_for_system_mib, 62);
        for good in
            [(256, 2048), (512, 3072), (1024, 8192), (2048, 16384), (4096, 30720), (8192, 20480), (16384, 122880)]
        {
            assert!(check(&size(good.0, good.1, 1)).is_ok(), "{good:?}");
        }
        for bad in [(256, 1536), (256, 3072), (512, 512), (1024, 2500), (4096, 31744), (8192, 17408), (300, 512)] {
            assert!(check(&size(bad.0, bad.1, 1)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_refusal_names_what_is_allowed() {
        assert!(check(&size(256, 450, 1)).unwrap_err().ends_with("allowed are 512, 1024, 2048"));
        assert!(check(&size(4096, 1, 1)).unwrap_err().ends_with("allowed are 8192 to 30720 in steps of 1024"));
        assert!(check(&size(1, 1, 1)).unwrap_err().ends_with("256, 512, 1024, 2048, 4096, 8192, 16384"));
        assert!(check(&size(256, 512, 513)).unwrap_err().ends_with("allowed are 1 to 512"));
    }
}

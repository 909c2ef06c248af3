//! The account's quotas that a new deployment would exceed. The workflow allocates no Elastic IP addresses, so only the
//! quota of VPCs matters; that of internet gateways follows it (Amazon VPC User Guide, "Amazon VPC quotas").

use engine::step::StepError;
use serde_json::json;

use crate::{Environment, failure::failure};

/// "VPCs per Region" (Service Quotas, service `vpc`).
const VPCS_PER_REGION: &str = "L-F678F1CE";
const TARGET: &str = "ServiceQuotasV20190624.GetServiceQuota";

/// Adds a problem if the quota allows no further VPC, and a note if the quota cannot be read.
pub(super) async fn check_vpcs(
    environment: &Environment,
    problems: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Result<(), StepError> {
    let body = json!({ "ServiceCode": "vpc", "QuotaCode": VPCS_PER_REGION });
    let answer = environment.call_json("servicequotas", TARGET, &body).await;
    let quota = match answer.map(|answer| answer["Quota"]["Value"].as_f64()) {
        Ok(Some(quota)) => quota,
        Ok(None) => {
            notes.push("The quota of VPCs was not checked: Service Quotas does not name it.".to_owned());
            return Ok(());
        }
        Err(why) => {
            let why = why.to_string();
            notes.push(format!("The quota of VPCs was not checked: {}.", why.trim_end_matches('.')));
            return Ok(());
        }
    };
    let mut count = 0_u32;
    let mut pages = environment.ec2_reads().describe_vpcs().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure("ec2:DescribeVpcs", error))?;
        count = count.saturating_add(u32::try_from(page.vpcs().len()).unwrap_or(u32::MAX));
    }
    problems.extend(problem(count, quota));
    Ok(())
}

fn problem(count: u32, quota: f64) -> Option<String> {
    (f64::from(count) >= quota).then(|| {
        format!(
            "the region has {count} of the {quota} VPCs that the quota allows: delete one, ask for more in Service Quotas (VPCs per \
             Region), or set vpc.mode to default or existing"
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::test_server::{TestServer, environment};

    #[test]
    fn the_last_vpc_may_still_be_created() {
        assert_eq!(problem(4, 5.0), None);
        assert!(problem(5, 5.0).unwrap().contains("5 of the 5 VPCs"));
    }

    #[tokio::test]
    async fn a_quota_that_cannot_be_read_is_noted_and_refuses_nothing() {
        let body = r#"{"__type":"AccessDeniedException","message":"not allowed"}"#;
        let server = TestServer::start((400, "content-type: application/x-amz-json-1.1\r\n", body)).await;
        let (mut problems, mut notes) = (Vec::new(), Vec::new());
        check_vpcs(&environment(&server), &mut problems, &mut notes).await.unwrap();
        assert!(problems.is_empty() && notes[0].contains("AccessDeniedException"), "{notes:?}");
        let asked = server.requests().join("").to_ascii_lowercase();
        assert!(asked.contains("/servicequotas/aws4_request") && asked.contains("l-f678f1ce"), "{asked}");
    }
}

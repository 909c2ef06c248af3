//! Every invalid input is reported in plain words, and every valid one is accepted with its defaults.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{InputProblem, Workflow, catalogue, find, network::Cidr};

fn workflow() -> &'static Workflow {
    find("endpoints-aws").unwrap()
}

fn problems(input: Value) -> Vec<InputProblem> {
    workflow().prepare_input(input).unwrap_err()
}

fn fields(input: Value) -> Vec<String> {
    problems(input).into_iter().map(|problem| problem.field).collect()
}

fn minimal() -> Value {
    json!({ "deployment": "my-endpoints", "domain": "endpoints.example.com" })
}

/// `minimal` with a value set at `pointer`.
fn with(pointer: &str, value: Value) -> Value {
    let mut input = minimal();
    let assignment = format!("{}={value}", pointer.trim_start_matches('/').replace('/', "."));
    crate::set_key(&mut input, None, &assignment).unwrap();
    input
}

#[test]
fn schemas_are_valid_and_rehearsal_inputs_are_accepted() {
    for workflow in catalogue() {
        assert!(jsonschema::meta::is_valid(&workflow.input_schema()), "{}", workflow.name);
        workflow.prepare_input(workflow.rehearsal_input()).unwrap();
    }
}

#[test]
fn the_example_is_accepted_as_it_is_and_with_every_default_written_out() {
    for workflow in catalogue() {
        let example = workflow.example_input();
        let bare = crate::parse_input(example, None).unwrap();
        let written_out: Vec<&str> = example
            .lines()
            .filter(|line| !line.starts_with("##"))
            .map(|line| line.strip_prefix("# ").unwrap_or(line))
            .collect();
        let full = crate::parse_input(&written_out.join("\n"), None).unwrap();
        assert!(full.as_object().unwrap().len() > bare.as_object().unwrap().len());
        assert_eq!(workflow.prepare_input(bare).unwrap(), workflow.prepare_input(full).unwrap());
    }
}

#[test]
fn every_field_of_the_schema_is_in_the_example_and_described() {
    fn visit(example: &str, schema: &Value) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{name}");
            assert!(example.contains(name.as_str()), "{name}");
            visit(example, property);
        }
    }
    catalogue().iter().for_each(|workflow| visit(workflow.example_input(), &workflow.input_schema()));
}

#[test]
fn two_fields_are_enough_and_defaults_reach_every_depth() {
    let input = workflow().prepare_input(minimal()).unwrap();
    assert_eq!(input["database"]["version"], "14");
    assert_eq!(input["vpc"]["subnetCidrs"][1], "10.100.10.64/26");
    assert_eq!(input["hostedZoneId"], Value::Null);
    assert_eq!(
        input["bastion"]["keyPair"],
        json!({ "existing": null, "publicKeyFile": null, "generate": true, "privateKeyFile": null })
    );
    assert_eq!(workflow().prepare_input(input.clone()).unwrap(), input);
    assert_eq!(workflow().subject(&input), "endpoints-aws/my-endpoints");
}

#[test]
fn all_problems_come_at_once() {
    let found = fields(json!({
        "deployment": "My_Endpoints",
        "certificate": { "validation": "dns" },
        "vpc": { "subnetCidrs": ["10.100.10.0/26", "10.100.10.32/27"], "typo": 1 },
        "sshSourceCidr": "1.2.3.4",
        "database": { "version": true, "allocatedStorageGib": 5, "multiAz": "yes" },
        "application": { "cpu": 256, "memoryMib": 4096, "containerMemoryMib": 9000 },
        "alarms": { "email": "nobody" },
        "colour": "red",
    }));
    for field in [
        "deployment",
        "domain",
        "certificate.validation",
        "vpc.subnetCidrs.1",
        "vpc.typo",
        "sshSourceCidr",
        "database.version",
        "database.allocatedStorageGib",
        "database.multiAz",
        "application.memoryMib",
        "application.containerMemoryMib",
        "alarms.email",
        "colour",
    ] {
        assert!(found.iter().any(|known| known == field), "{field} is not in {found:?}");
    }
    assert_eq!(found.len(), 13, "{found:?}");
}

#[test]
fn a_problem_names_field_value_and_what_is_allowed() {
    let say = |pointer: &str, value: Value| problems(with(pointer, value))[0].to_string();
    assert_eq!(
        say("/certificate/validation", json!("dns")),
        r#"certificate.validation: "dns" is not one of the allowed values; allowed: one of DNS, EMAIL, EXISTING"#
    );
    assert_eq!(
        say("/application/memoryMib", json!(4096)),
        "application.memoryMib: 4096 does not go with cpu 256 on Fargate; allowed: 512, 1024, 2048"
    );
    assert_eq!(
        say("/database/version", json!(true)),
        r#"database.version: true is true or false (write it in quotes); allowed: a PostgreSQL version in quotes, such as "14" or "16.4""#
    );
    assert_eq!(
        say("/database/backupRetentionDays", json!(0)),
        "database.backupRetentionDays: 0 is too small; allowed: a whole number from 1 to 35"
    );
    assert!(
        say("/colour", json!("red"))
            .starts_with(r#"colour: "red" is in a field that does not exist; allowed: deployment, "#)
    );
    let missing = problems(json!({ "deployment": "my-endpoints" }));
    assert!(missing[0].to_string().starts_with("domain: is missing; allowed: "), "{}", missing[0]);
}

#[test]
fn what_depends_on_another_field_is_asked_for() {
    assert_eq!(fields(with("/certificate", json!({ "validation": "EXISTING" }))), ["certificate.arn"]);
    assert_eq!(fields(with("/certificate", json!({ "validation": "EXISTING", "arn": null }))), ["certificate.arn"]);
    assert_eq!(fields(with("/vpc", json!({ "mode": "existing" }))), ["vpc.id"]);
    assert_eq!(fields(with("/bastion/keyPair", json!({}))), ["bastion.keyPair"]);
    assert_eq!(fields(with("/bastion/keyPair", json!({ "generate": true, "existing": "k" }))), ["bastion.keyPair"]);
    let mut elsewhere = with("/region", json!("us-east-1"));
    elsewhere["certificate"] =
        json!({ "validation": "EXISTING", "arn": "arn:aws:acm:eu-central-1:123456789012:certificate/1-2" });
    assert_eq!(fields(elsewhere), ["certificate.arn"]);
}

#[test]
fn a_jdbc_url_in_the_plain_environment_is_refused_without_showing_it() {
    let found = problems(with("/application/environment", json!({ "ENDPOINTS_JDBC_URL": "jdbc:hunter2" })));
    assert_eq!(found[0].field, "application.environment.ENDPOINTS_JDBC_URL");
    assert!(!found[0].to_string().contains("hunter2"), "{}", found[0]);
}

#[test]
fn names_that_aws_would_refuse_later_are_refused_now() {
    for deployment in ["ab", "a--b", "internal-x", "1abc", "abc-", "Abc", "a-name-of-21-characters", "a.b"] {
        assert_eq!(fields(with("/deployment", json!(deployment))), ["deployment"], "{deployment}");
    }
    for domain in [
        "localhost",
        "https://a.example.com",
        "a.example.com/x",
        "a.example.com:443",
        "a..example.com",
        ".example.com",
        "a.example.com.",
        "-a.example.com",
        "a_b.example.com",
        "*.example.com",
        "10.0.0.1",
        "A.example.com",
        "münchen.example.com",
        "",
        "example.123",
    ] {
        assert_eq!(fields(with("/domain", json!(domain))), ["domain"], "{domain}");
    }
    workflow().prepare_input(with("/domain", json!("xn--mnchen-3ya.example.co"))).unwrap();
}

#[test]
fn a_number_where_only_text_can_be_is_taken_as_text() {
    let input = workflow().prepare_input(with("/database/version", json!(16))).unwrap();
    assert_eq!(input["database"]["version"], "16");
    let input = workflow().prepare_input(with("/application/environment", json!({ "PORT": 1 }))).unwrap();
    assert_eq!(input["application"]["environment"]["PORT"], "1");
}

#[test]
fn an_input_that_is_no_object_is_one_problem() {
    assert_eq!(problems(json!([1])).len(), 1);
    assert_eq!(
        problems(json!({ "deployment": 1, "domain": [], "vpc": "x", "bastion": null, "application": 3 })).len(),
        5
    );
}

#[test]
fn the_teardown_wants_the_name_twice() {
    let teardown = find("endpoints-aws-teardown").unwrap();
    let refuse = |input: Value| teardown.prepare_input(input).unwrap_err().remove(0).field;
    assert_eq!(refuse(json!({ "deployment": "shop", "confirm": "ship" })), "confirm");
    assert_eq!(refuse(json!({ "deployment": "shop" })), "confirm");
    let input = teardown.prepare_input(json!({ "deployment": "shop", "confirm": "shop" })).unwrap();
    assert_eq!(teardown.subject(&input), "endpoints-aws/shop");
    assert_eq!(input["finalSnapshot"], true);
}

#[test]
fn warnings_and_plan_say_what_matters() {
    let input = workflow().prepare_input(minimal()).unwrap();
    let warnings = workflow().warnings(&input).join("\n");
    assert!(warnings.contains("0.0.0.0/0") && warnings.contains("PostgreSQL 14") && warnings.contains("admin/admin"));
    let plan = workflow().plan_lines(&input).join("\n");
    assert!(plan.contains("10.100.0.0/16") && !plan.contains("USD"), "{plan}");
    let mut calm = with("/database", json!({ "version": "16", "multiAz": true }));
    calm["sshSourceCidr"] = json!("203.0.113.7/32");
    calm["application"] = json!({ "mode": "single" });
    calm["alarms"] = json!({ "email": "a@example.com" });
    assert_eq!(workflow().warnings(&workflow().prepare_input(calm).unwrap()), Vec::<String>::new());
    let teardown = find("endpoints-aws-teardown").unwrap();
    assert!(teardown.warnings(&json!({ "deployment": "shop", "finalSnapshot": false })).len() == 2);
}

proptest! {
    /// Compares containment and overlap of ranges with those of their sets of addresses.
    #[test]
    fn containing_and_overlapping_are_what_they_are_for_sets(a in 0u32..64, b in 0u32..64, p in 26u32..=32, q in 26u32..=32) {
        let (one, other) = (Cidr::around(a.into(), p), Cidr::around(b.into(), q));
        let holds = |range: Cidr, address: u32| range.contains(Cidr::around(address.into(), 32));
        let both = (0..64).filter(|address| holds(one, *address) && holds(other, *address)).count();
        let of_other = (0..64).filter(|address| holds(other, *address)).count();
        prop_assert_eq!(one.overlaps(other), both > 0);
        prop_assert_eq!(one.contains(other), both == of_other);
        prop_assert_eq!(of_other, 1 << (32 - q));
        prop_assert_eq!(other.to_string().parse::<Cidr>().unwrap(), other);
    }

    #[test]
    fn subnets_are_accepted_exactly_when_they_are_inside_and_apart(a in any::<u16>(), b in any::<u16>(), p in 16u32..=27, q in 16u32..=27) {
        let around = |low: u16, length: u32| Cidr::around((0x0a64_0000 | u32::from(low)).into(), length);
        let (one, other) = (around(a, p), around(b, q));
        let input = with("/vpc", json!({ "subnetCidrs": [one.to_string(), other.to_string()] }));
        prop_assert_eq!(workflow().prepare_input(input).is_ok(), !one.overlaps(other));
        let outside = with("/vpc", json!({ "cidr": "10.101.0.0/16", "subnetCidrs": [one.to_string(), other.to_string()] }));
        prop_assert_eq!(fields(outside), ["vpc.subnetCidrs.0", "vpc.subnetCidrs.1"]);
    }

    #[test]
    fn no_range_or_domain_makes_the_check_panic(range in ".{0,20}", domain in ".{0,40}") {
        let mut input = with("/sshSourceCidr", json!(range));
        input["domain"] = json!(domain);
        input["vpc"] = json!({ "cidr": range, "subnetCidrs": [range, domain] });
        let _ = workflow().prepare_input(input);
    }
}

#[test]
fn a_domain_that_no_certificate_is_requested_for_is_refused_before_anything_is_made() {
    let long = format!("{}.example.com", "a".repeat(53));
    let longest = format!("{}.example.com", "a".repeat(52));
    assert_eq!(fields(with("/domain", json!(long.clone()))), ["domain"]);
    workflow().prepare_input(with("/domain", json!(longest))).unwrap();
    let mut existing = with("/domain", json!(long));
    existing["certificate"] = json!({
        "validation": "EXISTING",
        "arn": "arn:aws:acm:eu-central-1:123456789012:certificate/00000000-0000-0000-0000-000000000000",
    });
    workflow().prepare_input(existing).unwrap();
}

#[test]
fn the_readme_says_for_every_field_what_becomes_of_a_changed_value() {
    fn leaves(prefix: &str, schema: &Value, found: &mut Vec<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match property.get("properties") {
                Some(_) => leaves(&path, property, found),
                None => found.push(path),
            }
        }
    }
    let mut fields = Vec::new();
    leaves("", &workflow().input_schema(), &mut fields);
    assert!(fields.len() > 30, "{fields:?}");
    let readme = include_str!("../endpoints-aws/README.md");
    let (_, table) = readme.split_once("## What happens to a changed input").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let named: Vec<&str> = table
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    for field in &fields {
        assert!(named.contains(&field.as_str()), "{field} is not in the table");
    }
    for name in named {
        assert!(fields.iter().any(|field| field == name), "{name} is no field");
    }
}

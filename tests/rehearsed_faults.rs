//! Faults of AWS, rehearsed with `--fault`, end as the README promises.

use serde_json::json;

use crate::support::{Home, World, one_of_everything, text};

const ID: &str = "rehearsal-bad-day";
/// Slower than in other tests: on a busy machine a short time-out of the workflow would pass between two checks.
pub const SPEED: &str = "150";

/// The expected end of a day.
enum End {
    /// Exit code 0, with one of everything.
    Succeeds,
    /// With this exit code, after which a resume succeeds with one of everything.
    Resumes(i32),
    /// With this exit code.
    Fails(i32),
    /// With this exit code and without a changing call.
    Refuses(i32),
}

struct Day {
    name: &'static str,
    faults: &'static [&'static str],
    end: End,
    says: &'static [&'static str],
}

/// The README of endpoints-aws lists the same days with what an operator sees.
const DAYS: &[Day] = &[
    Day {
        name: "a new account",
        faults: &["*:role=first-use", "*:lists=stale"],
        end: End::Succeeds,
        says: &["Retry", "service linked role"],
    },
    Day {
        name: "lists lag behind lost answers",
        faults: &[
            "ec2:lists=stale",
            "ec2:CreateVpc=lost",
            "ec2:CreateInternetGateway=lost",
            "ec2:CreateSubnet=error-after",
        ],
        end: End::Succeeds,
        says: &[],
    },
    Day {
        name: "the database is busy with itself",
        faults: &["rds:database=storage-optimization", "rds:*=throttle*2"],
        end: End::Succeeds,
        says: &[],
    },
    Day {
        name: "services answer late, with errors or not at all",
        faults: &["logs:*=error", "iam:*=dropped", "elbv2:*=unavailable", "sns:*=delay"],
        end: End::Succeeds,
        says: &["Retry"],
    },
    Day {
        name: "nothing fits",
        faults: &["route53:zone=not-delegated", "rds:offers=none"],
        end: End::Refuses(3),
        says: &["ns1.registrar.test", "Set the NS records of example.com", "RDS does not offer PostgreSQL 14"],
    },
    Day {
        name: "a permission is missing",
        faults: &["elasticloadbalancing:CreateListener=denied"],
        end: End::Resumes(1),
        says: &["Allow elasticloadbalancing:CreateListener", "billed while it exists"],
    },
    Day {
        name: "a role may not be passed",
        faults: &["iam:PassRole=denied"],
        end: End::Resumes(1),
        says: &["Allow iam:PassRole"],
    },
    Day {
        name: "the credentials expire",
        faults: &["ecs:RegisterTaskDefinition=expired"],
        end: End::Resumes(75),
        says: &["no login is needed", "flow resume"],
    },
    Day {
        name: "the account has too many VPCs",
        faults: &["ec2:CreateVpc=VpcLimitExceeded"],
        end: End::Resumes(1),
        says: &["VpcLimitExceeded", "Service Quotas"],
    },
    Day {
        name: "there is no room for another VPC",
        faults: &["ec2:vpcs=at-quota"],
        end: End::Refuses(3),
        says: &["ask for more in Service Quotas"],
    },
    Day {
        name: "a protection stops a call",
        faults: &["elbv2:CreateLoadBalancer=OperationNotPermitted"],
        end: End::Resumes(1),
        says: &["does not support creating load balancers", "ask AWS Support", "attempt 1"],
    },
    Day {
        name: "the account is on the free plan",
        faults: &["rds:CreateDBInstance=FreeTierRestrictionError"],
        end: End::Fails(1),
        says: &["maximum available to free tier customers", "to the paid plan", "attempt 1"],
    },
    Day {
        name: "the certificate is refused",
        faults: &["acm:certificate=failed"],
        end: End::Fails(1),
        says: &["is FAILED: CAA_ERROR"],
    },
    Day {
        name: "the tasks die",
        faults: &["ecs:service=tasks-die"],
        end: End::Fails(1),
        says: &["circuit breaker", "last events of the service"],
    },
    Day {
        name: "the database fails",
        faults: &["rds:database=failed"],
        end: End::Fails(1),
        says: &["demo-db is failed"],
    },
    Day {
        name: "the process is killed",
        faults: &["rds:CreateDBInstance=lost", "kill@Wait until the database is available"],
        end: End::Resumes(-1),
        says: &[],
    },
];

fn live(day: &Day) {
    let home = Home::for_rehearsal();
    let mut arguments =
        vec!["run", "endpoints-aws", "--rehearse", "--speed", SPEED, "--id", ID, "--set", "deployment=demo"];
    day.faults.iter().for_each(|fault| arguments.extend(["--fault", fault]));
    let output = home.flow(&arguments);
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    let exit = output.status.code().unwrap_or(-1);
    for words in day.says {
        assert!(said.contains(words), "{}: {words:?} is not in: {said}", day.name);
    }
    let world = World::read(home.path()).unwrap();
    match day.end {
        End::Succeeds => assert_eq!(exit, 0, "{}: {said}", day.name),
        End::Fails(code) => return assert_eq!(exit, code, "{}: {said}", day.name),
        End::Refuses(code) => {
            assert_eq!(exit, code, "{}: {said}", day.name);
            return assert_eq!(world.changing_calls(), Vec::<String>::new(), "{}", day.name);
        }
        End::Resumes(code) => {
            assert_eq!(exit, code, "{}: {said}", day.name);
            assert!(!said.contains("never occurred"), "{}: {said}", day.name);
            home.succeed(&["resume", ID]);
        }
    }
    assert_eq!(world.inspect()["counts"], one_of_everything(), "{}: {said}", day.name);
}

#[test]
fn the_first_half_of_the_table_of_faults_ends_as_promised() {
    DAYS[..DAYS.len() / 2].iter().for_each(live);
}

#[test]
fn the_second_half_of_the_table_of_faults_ends_as_promised() {
    DAYS[DAYS.len() / 2..].iter().for_each(live);
}

pub fn run(home: &Home, more: &[&str]) -> (Option<i32>, String) {
    let output = home.flow(&[&["run", "endpoints-aws", "--rehearse", "--speed", SPEED], more].concat());
    (output.status.code(), format!("{}\n{}", text(&output.stdout), text(&output.stderr)))
}

#[test]
fn a_rollback_fails_every_run_until_it_is_repaired() {
    let home = Home::for_rehearsal();
    home.rehearse(&[]);
    let bad = ["--set", "application.image=example.test/broken:2"];
    let (exit, said) = run(&home, &[&bad[..], &["--fault", "ecs:service=rollback"]].concat());
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("because it rolled back"), "{said}");
    let (exit, said) = run(&home, &bad);
    assert_eq!(exit, Some(1), "the next run: {said}");
    let silent = ["--set", "application.image=example.test/silent:3", "--fault", "ecs:service=never-healthy"];
    let (exit, said) = run(&home, &silent);
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("is not stable in time"), "{said}");
    home.rehearse(&[]);
    home.rehearse(&["--set", "application.image=example.test/repaired:4"]);
    assert_eq!(home.world().inspect()["counts"]["services"], 1);
}

#[test]
fn a_changed_input_is_applied_or_refused_and_never_ignored() {
    let home = Home::for_rehearsal();
    home.rehearse(&[]);
    let world = home.world();
    let before = world.changing_calls().len();
    let changes = ["database.username=other", "bastion.instanceType=t3.small", "vpc.cidr=10.101.0.0/16"];
    let sets: Vec<&str> = changes.iter().flat_map(|change| ["--set", change]).collect();
    let more = ["--set", "vpc.subnetCidrs=[\"10.101.1.0/26\",\"10.101.2.0/26\"]"];
    let (exit, said) = run(&home, &[&sets[..], &more].concat());
    assert_eq!(exit, Some(3), "{said}");
    for field in ["database.username is other", "bastion.instanceType is t3.small", "vpc.cidr is 10.101.0.0/16"] {
        assert!(said.contains(field), "{field}: {said}");
    }
    let (exit, said) = run(&home, &["--set", "vpc.subnetCidrs=[\"10.100.10.0/26\",\"10.100.20.0/26\"]"]);
    assert_eq!(exit, Some(3), "{said}");
    assert!(said.contains("vpc.subnetCidrs has 10.100.20.0/26"), "{said}");
    let key = home.path().join("other.pub");
    std::fs::write(&key, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEZ6vDItsHCFa9z+QgowO3+sH4/2mvuARMcMCnlCOeSj other\n")
        .unwrap();
    let input = json!({
        "deployment": "rehearsal",
        "domain": "endpoints.example.com",
        "bastion": { "keyPair": { "publicKeyFile": key } },
        "alarms": { "email": "person@example.com" },
        "database": { "username": "other" },
    });
    let (exit, said) = run(&home, &["--input", &input.to_string()]);
    assert_eq!(exit, Some(3), "{said}");
    assert!(said.contains("bastion.keyPair names another public key") && said.contains("database.username"), "{said}");
    assert_eq!(world.changing_calls().len(), before, "something was changed");
    home.rehearse(&["--set", "bastion.enabled=false", "--set", "alarms.enabled=false"]);
    let found = world.inspect();
    for gone in ["instances", "key_pairs", "alarms", "topics"] {
        assert_eq!(found["counts"][gone], 0, "{gone} still exist");
    }
    assert_eq!(found["counts"]["security_groups"], 3, "the SSH group still exists");
}

#[test]
fn an_address_removed_from_the_input_is_named_in_the_plan_and_in_the_run() {
    let home = Home::for_rehearsal();
    home.rehearse(&[]);
    let nobody = ["--set", "alarms.email=null"];
    for more in [&["--plan"][..], &[]] {
        let (exit, said) = run(&home, &[&nobody[..], more].concat());
        assert_eq!(exit, Some(0), "{said}");
        assert!(said.contains("Alarms are also sent to person@example.com"), "{more:?}: {said}");
    }
}

#[test]
fn a_database_that_is_full_is_waited_for_once_it_grows() {
    let home = Home::for_rehearsal();
    home.rehearse(&[]);
    let (exit, said) = run(&home, &["--fault", "rds:database=storage-full"]);
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("--set database.allocatedStorageGib=22") && !said.contains("flow resume"), "{said}");
    let (exit, said) = run(&home, &["--set", "database.allocatedStorageGib=22"]);
    assert_eq!(exit, Some(0), "{said}");
    let (exit, said) = run(&home, &["--set", "database.allocatedStorageGib=22"]);
    assert_eq!(exit, Some(0), "a run after that: {said}");
}

#[test]
fn a_rehearsal_refuses_an_account_that_the_input_does_not_allow() {
    let home = Home::for_rehearsal();
    let world = home.world();
    let other = ["--set", "allowedAccountIds=[\"999999999999\"]"];
    for more in [&["--plan"][..], &[]] {
        let (exit, said) = run(&home, &[&other[..], more].concat());
        assert_eq!(exit, Some(3), "{said}");
        assert!(said.contains("123456789012") && said.contains("999999999999"), "{said}");
    }
    assert_eq!(world.changing_calls(), Vec::<String>::new());
    let (exit, said) = run(&home, &["--set", "allowedAccountIds=[\"123456789012\"]", "--plan"]);
    assert_eq!(exit, Some(0), "{said}");
}

#[test]
fn a_fault_that_cannot_occur_is_refused_and_one_that_did_not_is_named() {
    let home = Home::for_rehearsal();
    for (fault, near) in [
        ("ec2:CreateVpx=lost", "did you mean 'ec2:CreateVpc'?"),
        ("kill@Create the databse", "did you mean 'Create the database'?"),
        ("rds:database=storage-ful", "did you mean 'storage-full'?"),
    ] {
        let (exit, said) = run(&home, &["--fault", fault]);
        assert_eq!(exit, Some(2), "{said}");
        assert!(said.contains(near), "{said}");
    }
    let said = run(&home, &["--fault", "rds:ModifyDBInstance=lost", "--fault", "ec2:CreateVpc=lost"]).1;
    assert!(said.contains("Faults that never occurred: rds:ModifyDBInstance=lost\n"), "{said}");
}

#[test]
fn a_teardown_waits_for_what_lingers_and_says_what_stays() {
    let home = Home::for_rehearsal();
    home.rehearse(&[]);
    let teardown = ["run", "endpoints-aws-teardown", "--rehearse", "--speed", SPEED];
    let failed = home.flow(&[&teardown[..], &["--fault", "rds:database=failed"]].concat());
    let said = format!("{}{}", text(&failed.stdout), text(&failed.stderr));
    assert_eq!(failed.status.code(), Some(3), "refused before the first deletion: {said}");
    let command = "--set deployment=rehearsal --set finalSnapshot=ifPossible --rehearse";
    assert!(said.contains("RDS can make no final snapshot") && said.contains(command), "{said}");
    assert!(
        said.contains("Once the cause is removed, or with --set KEY=VALUE"),
        "the same input is refused again: {said}"
    );
    assert_eq!(home.world().inspect()["counts"]["instances"], 1);
    let said = home.succeed(
        &[
            &teardown[..],
            &[
                "--fault",
                "ec2:deletions=in-use",
                "--fault",
                "ec2:DeleteVpc=lost",
                "--set",
                "deployment=rehearsal",
                "--set",
                "finalSnapshot=ifPossible",
            ],
        ]
        .concat(),
    );
    assert!(said.contains("INACTIVE task definitions"), "{said}");
    assert!(said.contains("no final snapshot is possible, and its data is deleted"), "{said}");
    let found = home.world().inspect();
    let left: Vec<_> = found["counts"].as_object().unwrap().iter().filter(|(_, count)| **count != json!(0)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_fault_ends_with_its_command_and_what_it_broke_stays_broken_until_it_is_repaired() {
    let home = Home::for_rehearsal();
    let broken = ["--set", "application.image=example.test/broken:2"];
    let (exit, said) =
        run(&home, &[&broken[..], &["--fault", "ecs:service=tasks-die", "--fault", "ec2:*=delay"]].concat());
    assert_eq!(exit, Some(1), "{said}");
    let (exit, said) = run(&home, &broken);
    assert_eq!(exit, Some(1), "the next run with the same image: {said}");
    assert!(said.contains("circuit breaker") && !said.contains("stopped tasks: none"), "{said}");
    home.rehearse(&["--set", "application.image=example.test/repaired:3"]);
    let (exit, said) = run(&home, &["--plan", "--fault", "*:*=denied"]);
    assert_ne!(exit, Some(0), "{said}");
    home.rehearse(&["--set", "application.image=example.test/repaired:3"]);
}

#[test]
fn a_bastion_that_cannot_be_reached_is_said_so_with_the_way_out() {
    let home = Home::for_rehearsal();
    let (exit, said) = run(&home, &["--fault", "ec2:ssh=unreachable"]);
    assert_eq!(exit, Some(1), "{said}");
    for words in ["on port 22", "--set bastion.waitForSsh=false", "sshSourceCidr"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    home.rehearse(&["--set", "bastion.waitForSsh=false"]);
}

/// Creates what others have in the deployment's VPC, and deletes it: a security group with a rule that refers to one of the deployment's.
fn foreign_group(world: &World, action: &str) -> String {
    world.python(&format!(
        "import boto3, sys\n\
         c = boto3.client('ec2', endpoint_url=sys.argv[1], region_name='eu-central-1', aws_access_key_id='x', aws_secret_access_key='x')\n\
         named = lambda name: [g for g in c.describe_security_groups()['SecurityGroups'] if g['GroupName'].endswith(name)]\n\
         web = named('WebApp')[0]\n\
         {action}"
    ))
}

#[test]
fn a_teardown_refuses_before_its_first_deletion_while_others_use_its_network() {
    let home = Home::for_rehearsal();
    home.rehearse(&[]);
    let world = home.world();
    foreign_group(
        &world,
        "g = c.create_security_group(GroupName='tenant-app', Description='x', VpcId=web['VpcId'])['GroupId']\n\
         c.authorize_security_group_ingress(GroupId=g, IpPermissions=[dict(IpProtocol='tcp', FromPort=80, ToPort=80, \
         UserIdGroupPairs=[dict(GroupId=web['GroupId'])])])",
    );
    let before = world.inspect()["counts"].clone();
    for more in [&["--plan"][..], &[]] {
        let (exit, said) = tear_down(&home, more);
        assert_eq!(exit, Some(3), "{more:?}: {said}");
        assert!(said.contains("contains what does not belong to deployment rehearsal"), "{said}");
        assert!(said.contains("(tenant-app)") && said.contains("a rule of security group"), "{said}");
    }
    assert_eq!(world.inspect()["counts"], before, "something was deleted");
    foreign_group(&world, "c.delete_security_group(GroupId=named('tenant-app')[0]['GroupId'])");
    let (exit, said) = tear_down(&home, &[]);
    assert_eq!(exit, Some(0), "{said}");
}

fn tear_down(home: &Home, more: &[&str]) -> (Option<i32>, String) {
    let output = home.flow(&[&["run", "endpoints-aws-teardown", "--rehearse", "--speed", SPEED], more].concat());
    (output.status.code(), format!("{}\n{}", text(&output.stdout), text(&output.stderr)))
}

#[test]
fn a_plan_of_a_teardown_lists_what_goes_what_is_made_and_what_stays() {
    let home = Home::for_rehearsal();
    home.rehearse(&[]);
    let teardown = ["run", "endpoints-aws-teardown", "--rehearse", "--speed", SPEED];
    let said = home.succeed(&[&teardown[..], &["--plan"]].concat());
    for words in [
        "create    AWS::RDS::DBSnapshot",
        "deletionProtection: true -> false",
        "SSH from Internet",
        "rehearsal-1",
        "ends 0.40 USD a month",
        "the difference is not known); no price is known for ",
        "INACTIVE task definitions",
        "final snapshot of database rehearsal-db, which is billed",
        "service-linked roles",
        "private key file",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("still listed"), "{said}");
    home.succeed(&teardown);
    let said = home.succeed(&teardown);
    assert!(said.contains("database snapshot rehearsal-db-final-") && said.contains("which is billed"), "{said}");
}

/// IAM's name of a call that the gateway recorded.
fn action(call: &str) -> String {
    let (service, operation) = call.split_once(':').unwrap();
    let service = match service {
        "elbv2" => "elasticloadbalancing",
        service => service,
    };
    format!("{service}:{operation}")
}

fn policy(home: &Home, deployment: &str) -> serde_json::Value {
    let said = home.succeed(&["policy", "endpoints-aws", "--teardown", "--deployment", deployment]);
    serde_json::from_str(&said).unwrap()
}

#[test]
fn no_call_of_a_run_and_its_teardown_is_outside_the_printed_policy() {
    let home = Home::for_rehearsal();
    home.rehearse(&["--teardown"]);
    let policy = policy(&home, "rehearsal");
    let allowed: Vec<&str> = policy["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|statement| statement["Action"].as_array().unwrap())
        .map(|action| action.as_str().unwrap())
        .collect();
    let mut outside: Vec<String> =
        home.world().calls().iter().map(|call| action(call["call"].as_str().unwrap())).collect();
    outside.retain(|action| !allowed.contains(&action.as_str()));
    outside.sort();
    outside.dedup();
    assert_eq!(outside, Vec::<String>::new());
}

/// The policy allows all calls of the steps for their own deployment, and none for another one.
#[test]
fn a_gateway_that_denies_everything_outside_the_policy_lets_its_own_deployment_through_and_no_other() {
    let home = Home::for_rehearsal();
    let world = home.world();
    world.faults(&json!([{ "operation": "iam:policy", "kind": "condition", "value": policy(&home, "rehearsal") }]));
    home.rehearse(&[]);
    let before = world.calls().len();
    let (exit, said) = run(&home, &["--set", "deployment=another", "--set", "domain=another.example.com"]);
    assert_eq!(exit, Some(1), "{said}");
    assert!(said.contains("Allow "), "{said}");
    let applied: Vec<_> = world.calls()[before..].iter().filter(|call| call["status"] == 200).cloned().collect();
    let changed = applied.iter().map(|call| call["call"].as_str().unwrap()).filter(|call| call.contains(":Create"));
    assert_eq!(changed.collect::<Vec<_>>(), Vec::<&str>::new());
    home.succeed(&["run", "endpoints-aws-teardown", "--rehearse", "--speed", SPEED]);
    assert_eq!(world.inspect()["counts"]["vpcs"], 0);
}

//! A deployment to Step Functions changes only what differs, and its removal deletes everything that it created.

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    serve::Server,
    support::{Home, World, run_python, text, words_of},
};

const ROLE: &str = "arn:aws:iam::111111111111:role/flow";

/// A definition with a Task that runs on a worker.
fn definition(home: &Home, program: &str) -> String {
    let task = json!({ "Type": "Task", "Resource": "flow:process:run", "End": true,
        "Parameters": { "Program": program, "Arguments": [] } });
    home.definition("job", &json!({ "StartAt": "Run", "States": { "Run": task } }))
}

/// Deploys with an existing role and returns the JSON lines.
fn deployed(home: &Home, server: &Server, file: &str, more: &[&str]) -> Vec<Value> {
    let arguments = ["deploy", file, "--engine", "sfn", "--endpoint", &server.endpoint, "--role-arn", ROLE];
    let printed = home.succeed(&[&arguments[..], more, &["-o", "json", "--region", "us-east-1"]].concat());
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn outcome(lines: &[Value]) -> &str {
    lines.last().unwrap()["outcome"].as_str().unwrap()
}

fn versions(server: &Server, machine: &str) -> Vec<Value> {
    let answer = server.call("ListStateMachineVersions", &json!({ "stateMachineArn": machine }));
    answer["stateMachineVersions"].as_array().unwrap().clone()
}

#[test]
fn a_second_deployment_changes_nothing_and_a_changed_definition_makes_one_version() {
    let home = Home::plain();
    let server = Server::start(&home);
    let file = definition(&home, "/bin/true");
    let planned = deployed(&home, &server, &file, &["--plan"]);
    assert_eq!(outcome(&planned), "plan");
    assert_eq!(server.call("ListStateMachines", &json!({}))["stateMachines"], json!([]));
    let first = deployed(&home, &server, &file, &["--yes"]);
    assert_eq!(outcome(&first), "deployed");
    let line = first.iter().find(|line| line["type"] == "deployment").unwrap();
    // The Task, and the retries that a deployment adds for workers that end.
    assert_eq!(
        (&line["transitionsMin"], &line["transitions"], &line["transitionsMax"]),
        (&json!(2), &json!(2), &json!(8))
    );
    assert!(first.iter().any(|line| line["code"] == "ACTS_ON_WORKER" && line["line"].is_number()), "{first:?}");
    let machine = first.last().unwrap()["stateMachineArn"].as_str().unwrap().to_owned();
    assert_eq!(versions(&server, &machine).len(), 1);
    assert_eq!(outcome(&deployed(&home, &server, &file, &["--yes"])), "kept");
    let changed = deployed(&home, &server, &definition(&home, "/bin/false"), &["--yes"]);
    let made: Vec<_> = changed.iter().filter(|line| line["type"] == "changed").map(|line| &line["action"]).collect();
    assert_eq!(made, ["update", "create", "update"], "{changed:?}");
    let all = versions(&server, &machine);
    assert_eq!(all.len(), 2);
    let alias =
        server.call("DescribeStateMachineAlias", &json!({ "stateMachineAliasArn": format!("{machine}:deployed") }));
    assert_eq!(alias["routingConfiguration"][0]["stateMachineVersionArn"], all[0]["stateMachineVersionArn"]);
    assert_eq!(outcome(&deployed(&home, &server, &file, &["--remove", "--yes"])), "removed");
    assert_eq!(server.call("ListStateMachines", &json!({}))["stateMachines"], json!([]));
    assert_eq!(server.call("ListActivities", &json!({}))["activities"], json!([]));
    assert_eq!(outcome(&deployed(&home, &server, &file, &["--remove", "--yes"])), "kept");
}

#[test]
fn an_activity_that_another_deployment_names_outlives_a_removal() {
    let home = Home::plain();
    let server = Server::start(&home);
    let file = definition(&home, "/bin/true");
    for name in ["one", "two"] {
        deployed(&home, &server, &file, &["--yes", "--name", name]);
    }
    deployed(&home, &server, &file, &["--yes", "--name", "one", "--remove"]);
    assert_eq!(server.call("ListActivities", &json!({}))["activities"].as_array().unwrap().len(), 1);
    assert_eq!(outcome(&deployed(&home, &server, &file, &["--yes", "--name", "two"])), "kept");
    let planned = deployed(&home, &server, &file, &["--yes", "--name", "two", "--heartbeat", "7"]);
    let is_change = |line: &&Value| line["type"] == "change" && line["kind"] == "AWS::StepFunctions::StateMachine";
    let heartbeat = json!({ "action": "update", "field": "state Run, HeartbeatSeconds", "before": "60", "after": "7" });
    let differences = planned.iter().find(is_change).unwrap()["differences"].as_array().unwrap();
    assert!(differences.contains(&heartbeat), "{differences:?}");
    // Without the option, a deployment keeps what is deployed.
    let again = deployed(&home, &server, &file, &["--yes", "--name", "two"]);
    assert_eq!((outcome(&again), again.iter().any(|line| line["keptHeartbeatSeconds"] == 7)), ("kept", true));
}

#[test]
fn a_removal_deletes_what_earlier_versions_used_and_keeps_what_an_execution_waits_for() {
    let home = Home::plain();
    let server = Server::start(&home);
    let file = definition(&home, "/bin/true");
    let pass = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } });
    let pass = home.definition("pass", &pass);
    let activities = || server.call("ListActivities", &json!({}))["activities"].as_array().unwrap().len();
    deployed(&home, &server, &file, &["--yes", "--name", "x"]);
    let machine = "arn:aws:states:us-east-1:111111111111:stateMachine:x:deployed";
    let execution = server.call("StartExecution", &json!({ "stateMachineArn": machine }))["executionArn"].clone();
    let options = ["--endpoint", &server.endpoint, "--role-arn", ROLE, "--region", "us-east-1"];
    let printed = home.succeed(&[&["deploy", &pass, "--yes", "--name", "x"][..], &options].concat());
    assert!(printed.contains("this definition does not need it"), "{printed}");
    deployed(&home, &server, &file, &["--yes", "--name", "y"]);
    let remove = ["deploy", &file, "--yes", "--name", "y", "--remove"];
    let printed = home.succeed(&[&remove[..], &options].concat());
    assert!(printed.contains("is running and may wait for it"), "{printed}");
    assert!(printed.contains("Its executions go with the state machine"), "{printed}");
    assert_eq!(activities(), 1);
    server.call("StopExecution", &json!({ "executionArn": execution }));
    // Without the definition, its versions say what it used.
    deployed(&home, &server, "x", &["--yes", "--remove"]);
    assert_eq!(activities(), 0);
    let printed = home.exits(&[&["deploy", "x", "--yes", "--remove"][..], &options].concat(), 4);
    assert!(printed.contains("neither a state machine, a workflow nor a file is named 'x'"), "{printed}");
}

#[test]
fn a_state_machine_of_another_origin_and_a_running_execution_are_left_alone() {
    let home = Home::plain();
    let server = Server::start(&home);
    let file = definition(&home, "/bin/true");
    let pass = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } }).to_string();
    server.call("CreateStateMachine", &json!({ "name": "job", "definition": pass, "roleArn": ROLE }));
    let refused = |more: &[&str]| {
        let arguments = ["deploy", &file, "--endpoint", &server.endpoint, "--role-arn", ROLE, "--region", "us-east-1"];
        home.exits(&[&arguments[..], more].concat(), 3)
    };
    let printed = refused(&["--yes"]);
    assert!(printed.contains("flow deploy did not create it"), "{printed}");
    let elsewhere =
        json!({ "Type": "Task", "Resource": "arn:aws:states:us-east-1:222222222222:activity:a", "End": true });
    let elsewhere = home.definition("elsewhere", &json!({ "StartAt": "A", "States": { "A": elsewhere } }));
    let lines = deployed(&home, &server, &elsewhere, &["--plan"]);
    assert!(lines.iter().any(|line| line["code"] == "ACTIVITY_MUST_EXIST"), "{lines:?}");
    let printed = refused(&["--name", "other"]);
    assert!(printed.contains("--yes"), "{printed}");
    deployed(&home, &server, &file, &["--yes", "--name", "other"]);
    let machine = "arn:aws:states:us-east-1:111111111111:stateMachine:other:deployed";
    server.call("StartExecution", &json!({ "stateMachineArn": machine }));
    let printed = refused(&["--yes", "--remove", "--name", "other"]);
    assert!(
        printed.contains("is running") && printed.contains("flow cancel other:") && printed.contains("--engine sfn"),
        "{printed}"
    );
}

#[test]
fn a_removal_makes_the_alias_again_if_an_execution_was_started_meanwhile() {
    let home = Home::plain();
    let server = Server::start(&home);
    let file = definition(&home, "/bin/true");
    let lines = deployed(&home, &server, &file, &["--yes"]);
    let arn = lines.last().unwrap()["stateMachineArn"].as_str().unwrap();
    let words = |command: &[&str]| {
        let options = ["--engine", "sfn", "--endpoint", &server.endpoint, "--region", "us-east-1"];
        json!(words_of(&home.command(&[command, &options].concat()))).to_string()
    };
    let removal = words(&["deploy", &file, "--remove"]);
    let start = words(&["run", "job:deployed", "--yes", "--id", "meanwhile", "--no-wait=0"]);
    let printed = run_python(include_str!("started_meanwhile.py"), &[&removal, &start]);
    let ended: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&ended[0], &ended[1]), (&json!(3), &json!(75)), "{ended}");
    let shown = ended[2].as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    for words in ["was started meanwhile: nothing was removed", "flow cancel job:meanwhile", " --remove"] {
        assert!(shown.contains(words), "{words:?} is not in: {shown}");
    }
    let alias = server.call("DescribeStateMachineAlias", &json!({ "stateMachineAliasArn": format!("{arn}:deployed") }));
    assert_eq!(alias["routingConfiguration"][0]["stateMachineVersionArn"], format!("{arn}:1"), "{alias}");
    assert_eq!(server.call("ListActivities", &json!({}))["activities"].as_array().unwrap().len(), 1);
}

#[test]
fn what_step_functions_cannot_do_is_refused_with_its_line() {
    let home = Home::plain();
    let file = home.path().join("asks.asl.yaml");
    let text = "StartAt: Ask\nStates:\n  Ask:\n    Type: Task\n    Resource: flow:approval:request\n    \
                Parameters: {Prompt: Go?}\n    End: true\n";
    std::fs::write(&file, text).unwrap();
    let printed = home.exits(&["deploy", file.to_str().unwrap(), "--template", "terraform"], 3);
    assert!(printed.contains("APPROVAL_ON_WORKER") && printed.contains("asks.asl.yaml:3:3"), "{printed}");
    let text = "StartAt: Login\nStates:\n  Login:\n    Type: Task\n    Resource: flow:process:run\n    Parameters:\n      \
                Program: /bin/true\n      Arguments: []\n      Input:\n        password: hunter2\n    End: true\n";
    std::fs::write(&file, text).unwrap();
    let printed = home.exits(&["deploy", file.to_str().unwrap(), "--template", "terraform"], 3);
    assert!(printed.contains("SECRET_IN_DEFINITION") && printed.contains("asks.asl.yaml:10:9"), "{printed}");
    assert!(
        printed.contains("'password' is a secret") && !printed.contains("hunter2"),
        "its line is not shown: {printed}"
    );
}

#[test]
fn a_template_is_printed_without_a_call() {
    let home = Home::plain();
    let printed = home.succeed(&["deploy", "endpoints-aws", "--template", "cloudformation"]);
    let template: Value = serde_json::from_str(&printed).unwrap();
    let machine = &template["Resources"]["StateMachine"]["Properties"];
    assert_eq!(machine["StateMachineName"], "endpoints-aws");
    let file = home.path().join("rests.asl.yaml");
    std::fs::write(&file, "StartAt: A\nStates:\n  A: {Type: Wait, Seconds: ${Pause}, End: true}\n").unwrap();
    let arguments = ["deploy", file.to_str().unwrap(), "--template", "terraform", "--substitute", "Pause=5"];
    assert!(home.succeed(&arguments).contains("\\\"Seconds\\\":5"));
    let logged = |more: &[&str]| home.succeed(&[&arguments[..], more].concat());
    let given = ["--role-arn", ROLE];
    assert!(logged(&[]).contains("\"ERROR\"") && logged(&given).contains("\"OFF\""), "the defaults of a deployment");
    assert!(logged(&["--log-level", "all"]).contains("\"ALL\""));
    let odd = home.definition("odd name", &json!({ "StartAt": "A", "States": { "A": { "Type": "Succeed" } } }));
    let printed = home.succeed(&["deploy", &odd, "--template", "terraform"]);
    assert!(printed.contains("\"odd-name\""), "flow run searches it under this name: {printed}");
    assert_eq!(machine["DefinitionString"].as_str().unwrap().matches("flow:").count(), 0, "{printed}");
}

#[test]
fn a_deployment_to_a_server_asks_nothing_of_aws() {
    let home = Home::plain();
    let server = Server::start(&home);
    let file = definition(&home, "/bin/true");
    // Without credentials every call of AWS fails.
    let printed = home.succeed(&["deploy", &file, "--endpoint", &server.endpoint, "--plan", "--region", "us-east-1"]);
    assert!(printed.contains(ROLE), "the plan names the role: {printed}");
    for more in [&["--yes"][..], &["--yes", "--remove"]] {
        let arguments = ["deploy", &file, "--endpoint", &server.endpoint, "--region", "us-east-1"];
        home.succeed(&[&arguments[..], more].concat());
    }
    // Also one that refuses the command is recognized: its token is named, and no credentials of AWS.
    let guarded = Home::plain();
    let server = Server::start_with(&guarded, &[("FLOW_TOKEN", "door")]);
    let printed = home.exits(&["deploy", &file, "--endpoint", &server.endpoint, "--plan", "--region", "us-east-1"], 3);
    assert!(printed.contains("FLOW_TOKEN"), "{printed}");
}

#[test]
fn what_a_flow_serve_cannot_run_is_refused_before_anything_is_made() {
    let home = Home::plain();
    let server = Server::start(&home);
    let deploy = |task: &Value, more: &[&str], exit| {
        let file = home.definition("asks", &json!({ "StartAt": "Ask", "States": { "Ask": task } }));
        let arguments = ["deploy", &file, "--endpoint", &server.endpoint, "--yes", "--region", "us-east-1"];
        home.exits(&[&arguments[..], more].concat(), exit)
    };
    let message = json!({ "Token.$": "$$.Task.Token", "Prompt": "Go?" });
    let ask = json!({ "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true,
        "Parameters": { "QueueUrl": "https://sqs.us-east-1.amazonaws.com/111122223333/q", "MessageBody": message } });
    let printed = deploy(&ask, &[], 3);
    for words in ["the flow serve cannot run the definition; nothing was changed", "sqs:sendMessage", "flow steps"] {
        assert!(printed.contains(words), "{words:?} is not in: {printed}");
    }
    let printed = deploy(&json!({ "Type": "Succeed" }), &["--heartbeat", "0"], 2);
    assert!(printed.contains("--heartbeat"), "{printed}");
    assert_eq!(server.call("ListStateMachines", &json!({}))["stateMachines"], json!([]));
    // A run leaves it to the service which integrations it calls.
    let definition = json!({ "StartAt": "Ask", "States": { "Ask": ask } }).to_string();
    server.call("CreateStateMachine", &json!({ "name": "made", "definition": definition, "roleArn": ROLE }));
    let run = ["run", "made", "--engine", "sfn", "--endpoint", &server.endpoint, "--region", "us-east-1"];
    let printed = home.succeed(&[&run[..], &["--plan"]].concat());
    assert!(printed.contains("starts arn:") && printed.contains("stateMachine:made"), "{printed}");
}

#[test]
fn a_run_takes_what_a_deployment_prints() {
    let home = Home::plain();
    let server = Server::start(&home);
    let file = home.definition("two", &json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } }));
    let arn =
        deployed(&home, &server, &file, &["--yes"]).last().unwrap()["stateMachineArn"].as_str().unwrap().to_owned();
    let options = ["--engine", "sfn", "--endpoint", &server.endpoint, "--region", "us-east-1"];
    let plan = |machine: &str, exit| home.exits(&[&["run", machine, "--plan"][..], &options].concat(), exit);
    for (machine, target) in [
        ("two:deployed".to_owned(), format!("{arn}:deployed")),
        ("two:1".to_owned(), format!("{arn}:1")),
        (arn.clone(), format!("{arn}:deployed")),
        (format!("{arn}:deployed"), format!("{arn}:deployed")),
        (format!("{arn}:1"), format!("{arn}:1")),
    ] {
        let printed = plan(&machine, 0);
        assert!(printed.contains(&format!("starts {target},")), "{machine}: {printed}");
    }
    for machine in ["two:9", "two:none", &arn.replace("us-east-1", "eu-west-1")] {
        let printed = plan(machine, 4);
        assert!(printed.contains("neither a state machine"), "{machine}: {printed}");
    }
    let printed = plan("two:none:", 3);
    assert!(printed.contains("'none:' after the name two is neither a version nor an alias"), "{printed}");
    let remove =
        |machine: &str, exit| home.exits(&[&["deploy", machine, "--remove", "--yes"][..], &options].concat(), exit);
    let printed = remove("two:1", 3);
    assert!(printed.contains("flow deploy two --remove"), "{printed}");
    remove(&arn.replace("us-east-1", "eu-west-1"), 4);
    remove(&format!("{arn}:deployed"), 0);
}

#[test]
fn the_command_that_a_deployment_proposes_works_when_pasted() {
    let home = Home::plain();
    let server = Server::start(&home);
    let file = home.definition("first", &json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } }));
    let arguments = ["deploy", &file, "--endpoint", &server.endpoint, "--yes", "--region", "us-east-1"];
    for (more, name) in [(&[][..], "first"), (&["--name", "second"][..], "second")] {
        let printed = home.succeed(&[&arguments[..], more].concat());
        let command = printed.split("Start it with   ").nth(1).unwrap().lines().next().unwrap();
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(words[..3], ["flow", "run", name], "{command}");
        assert!(!printed.contains("flow worker"), "nothing needs one: {printed}");
        let printed = home.succeed(&[&words[1..], &["--yes"]].concat());
        assert!(printed.contains(&format!("{name}-")), "{printed}");
    }
    let file = definition(&home, "/bin/true");
    let printed = home.succeed(&["deploy", &file, "--endpoint", &server.endpoint, "--yes", "--region", "us-east-1"]);
    let command = printed.split("If none does yet:   ").nth(1).unwrap().lines().next().unwrap();
    let worker = format!("flow worker --endpoint {} --region us-east-1", server.endpoint);
    assert_eq!(command, format!("FLOW_PROGRAMS=/bin/true {worker}"), "without it, the worker polls nothing of it");
}

#[test]
fn a_mistyped_endpoint_and_a_service_that_is_away_have_the_same_exit_code_everywhere() {
    let home = Home::plain();
    let server = Server::start_with(&home, &[("FLOW_TOKEN", "secret-1")]);
    let file = definition(&home, "/bin/true");
    let away = "http://127.0.0.1:1";
    for (endpoint, exit, words) in
        [("http://127.0.0.1:99999", 2, "1 to 65535"), (away, 5, away), (server.endpoint.as_str(), 3, "FLOW_TOKEN")]
    {
        let worker = ["worker", "--once", "--endpoint", endpoint];
        let deploy = ["deploy", &file, "-y", "--endpoint", endpoint];
        let status = ["status", "--engine", "sfn", "--endpoint", endpoint];
        for command in [&worker[..], &deploy, &status] {
            let printed = home.exits_with(command, &[("AWS_REGION", "us-east-1"), ("FLOW_TOKEN", "wrong")], exit);
            assert!(printed.contains(words), "{command:?}: {printed}");
        }
    }
    home.exits(&["worker", "--concurrency", "0", "--endpoint", away], 2);
    let refused = home.exits(&["deploy", &file, "--yes", "--name=-x", "--endpoint", away], 3);
    assert!(refused.contains("- is not the first"), "{refused}");
}

#[test]
fn the_question_in_the_document_runs_at_a_flow_serve() {
    let home = Home::plain();
    let server = Server::start(&home);
    let root = std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let document = std::fs::read_to_string(root.join("docs/scale.md")).unwrap();
    let example = document.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let state: String = example.lines().map(|line| format!("  {line}\n")).collect();
    let file = home.path().join("asks.asl.yaml");
    std::fs::write(&file, format!("StartAt: Ask\nStates:\n{state}    End: true\n")).unwrap();
    let file = file.to_str().unwrap();
    home.succeed(&["deploy", file, "--endpoint", &server.endpoint, "--plan", "--region", "us-east-1"]);
}

/// A service of the same API that is no `flow serve`. It answers one call, which lists no activities.
fn another_service() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"}") {
            let mut bytes = [0; 4_096];
            let count = stream.read(&mut bytes).unwrap();
            assert!(count > 0, "the request has ended");
            request.extend_from_slice(&bytes[..count]);
        }
        let body = r#"{"activities":[]}"#;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\nconnection: close";
        write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    });
    endpoint
}

#[test]
fn another_service_at_a_url_is_step_functions() {
    let home = Home::plain();
    let deploy = |file: &str| {
        home.exits(&["deploy", file, "--endpoint", &another_service(), "--plan", "--region", "us-east-1"], 3)
    };
    let ask =
        json!({ "Type": "Task", "Resource": "flow:approval:request", "End": true, "Parameters": { "Prompt": "Go?" } });
    let printed = deploy(&home.definition("asks", &json!({ "StartAt": "Ask", "States": { "Ask": ask } })));
    assert!(printed.contains("APPROVAL_ON_WORKER"), "{printed}");
    // Its role is created at AWS.
    let printed = deploy(&definition(&home, "/bin/true"));
    assert!(printed.contains("credentials"), "{printed}");
}

/// The variables of a deployment to a server whose role and log group are in the world of a rehearsal.
fn beside<'v>(world: &'v World, server: &'v Server) -> [(&'static str, &'v str); 7] {
    [
        ("AWS_ENDPOINT_URL_IAM", &world.moto),
        ("AWS_ENDPOINT_URL_STS", &world.moto),
        ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", &world.moto),
        ("AWS_ENDPOINT_URL_STEPFUNCTIONS", &server.endpoint),
        ("AWS_ACCESS_KEY_ID", "rehearsal"),
        ("AWS_SECRET_ACCESS_KEY", "rehearsal"),
        ("AWS_REGION", &world.region),
    ]
}

#[test]
fn the_role_and_the_log_group_are_made_once_and_removed() {
    let home = Home::for_rehearsal();
    let world = home.world();
    let serving = Home::plain();
    let server = Server::start(&serving);
    let file = definition(&home, "/bin/true");
    let variables = beside(&world, &server);
    let deploy = |more: &[&str]| {
        let printed = home.exits_with(
            &[&["deploy", &file, "-o", "json", "--yes", "--role-arn", "create"][..], more].concat(),
            &variables,
            0,
        );
        let last: Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
        last["outcome"].as_str().unwrap().to_owned()
    };
    let found = || -> Value {
        let script = "import json, sys, boto3\n\
                      c = lambda s: boto3.client(s, endpoint_url=sys.argv[1], region_name=sys.argv[2], aws_access_key_id='x', aws_secret_access_key='x')\n\
                      roles = [r['RoleName'] for r in c('iam').list_roles()['Roles'] if r['RoleName'].startswith('flow-')]\n\
                      groups = c('logs').describe_log_groups(logGroupNamePrefix='/aws/vendedlogs')['logGroups']\n\
                      policies = [c('iam').get_role_policy(RoleName=r, PolicyName='integrations')['PolicyDocument'] for r in roles]\n\
                      print(json.dumps([roles, [[g['logGroupName'], g['retentionInDays']] for g in groups], policies]))";
        serde_json::from_str(&world.python(script)).unwrap()
    };
    assert_eq!(deploy(&[]), "deployed");
    let made = found();
    assert_eq!((&made[0], &made[1]), (&json!(["flow-job"]), &json!([["/aws/vendedlogs/states/job", 90]])), "{made}");
    // The Task became an activity's, so the role may write its log and nothing else.
    assert_eq!(made[2][0]["Statement"].as_array().unwrap().len(), 1, "{made}");
    assert_eq!(deploy(&[]), "kept");
    let machines = server.call("ListStateMachines", &json!({}));
    let machine = &machines["stateMachines"][0]["stateMachineArn"];
    let described = server.call("DescribeStateMachine", &json!({ "stateMachineArn": machine }));
    assert_eq!(described["loggingConfiguration"]["level"], "ERROR");
    assert_eq!(described["loggingConfiguration"]["includeExecutionData"], false);
    assert!(described["roleArn"].as_str().unwrap().ends_with(":role/flow-job"), "{described}");
    assert_eq!(deploy(&["--log-level", "all"]), "deployed");
    let described = server.call("DescribeStateMachine", &json!({ "stateMachineArn": machine }));
    assert_eq!(described["loggingConfiguration"]["level"], "ALL");
    assert_eq!(deploy(&["--remove"]), "removed");
    assert_eq!(found(), json!([[], [], []]));
    // The linter knows the properties and values of each resource.
    let template = home.succeed(&["deploy", &file, "--template", "cloudformation", "--log-level", "all"]);
    let path = home.path().join("template.json");
    std::fs::write(&path, template).unwrap();
    let script = format!(
        "from pathlib import Path\nfrom cfnlint.api import lint_file\nprint([str(m) for m in lint_file(Path({path:?}))])"
    );
    assert_eq!(world.python(&script).trim(), "[]");
}

/// `FLOW_TEST_TERRAFORM` names a folder with the AWS provider, as `terraform init -plugin-dir` reads it.
#[test]
fn terraform_makes_what_a_deployment_makes() {
    let Ok(plugins) = std::env::var("FLOW_TEST_TERRAFORM") else { return };
    let home = Home::for_rehearsal();
    let world = home.world();
    let serving = Home::plain();
    let server = Server::start(&serving);
    let variables = beside(&world, &server);
    let folder = home.path().join("terraform");
    std::fs::create_dir(&folder).unwrap();
    let endpoints = json!({ "sfn": server.endpoint, "iam": world.moto, "logs": world.moto, "sts": world.moto });
    let provider = json!({ "provider": { "aws": { "region": world.region, "access_key": "rehearsal", "secret_key": "rehearsal",
        "skip_credentials_validation": true, "skip_requesting_account_id": true, "skip_metadata_api_check": true,
        "endpoints": endpoints } } });
    std::fs::write(folder.join("provider.tf.json"), provider.to_string()).unwrap();
    let terraform = |arguments: &[&str]| {
        let output = Command::new("terraform").args(arguments).arg("-no-color").current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    };
    terraform(&["init", &format!("-plugin-dir={plugins}")]);
    for (program, id) in [("/bin/true", "r1"), ("/bin/false", "r2")] {
        let file = definition(&home, program);
        let template = home.succeed(&["deploy", &file, "--template", "terraform"]);
        std::fs::write(folder.join("main.tf.json"), template).unwrap();
        terraform(&["apply", "-auto-approve"]);
        let plan = ["deploy", &file, "--role-arn", "create", "--plan", "-o", "json"];
        let planned = home.exits_with(&plan, &variables, 0);
        let lines: Vec<Value> = planned.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let changes: Vec<&Value> = lines.iter().filter(|line| line["type"] == "change").collect();
        assert_eq!(changes.len(), 7, "{planned}");
        assert!(changes.iter().all(|change| change["action"] == "unchanged"), "{planned}");
        // No worker runs.
        home.exits_with(&["run", &file, "--engine", "sfn", "--yes", "--id", id, "--no-wait=1s"], &variables, 75);
    }
}

//! The pages of `flow explain`: what each code of `flow check` and each error name means, its cause, and what to do
//! about it.

use engine::step::error_names;
use steps::local_error_names;

/// A page of `flow explain`.
pub struct Explanation {
    /// The code or the error name.
    pub code: &'static str,
    /// The meaning, in a sentence.
    pub meaning: &'static str,
    /// The repair.
    pub remedy: &'static str,
}

const fn page(code: &'static str, meaning: &'static str, remedy: &'static str) -> Explanation {
    Explanation { code, meaning, remedy }
}

/// Every page: first the codes of `flow check`, then the error names of executions.
pub const ALL: &[Explanation] = &[
    page(
        "ACTIVITY_ARN_INVALID",
        "A Task names an activity with an ARN that no activity can have: without a region, an account id of 12 digits, or a \
         name.",
        "Write arn:aws:states:REGION:ACCOUNT:activity:NAME, as CreateActivity and ListActivities return it.",
    ),
    page(
        "ACTIVITY_IN_EXPRESS",
        "flow deploy: child executions of type EXPRESS cannot wait for an activity, and every flow: Task becomes one.",
        "Set ExecutionType STANDARD in the Map's ProcessorConfig.",
    ),
    page(
        error_names::ACTIVITY_MUST_EXIST,
        "A Task names an activity that does not exist in the home or at the service of a deployment, or the existing activities are unknown because the home has no store. The execution fails with States.Runtime if it enters the state before the activity exists.",
        "Before the execution starts, create it with CreateActivity at the endpoint that runs the workflow, such as flow serve.",
    ),
    page(
        "ACTS_ON_WORKER",
        "flow deploy: the step acts on a machine, and any worker may receive its task.",
        "Let only workers that share what the step needs receive the activity's tasks:   flow worker \
         --endpoint URL --activities process:run",
    ),
    page(
        "APPROVAL_ON_WORKER",
        "flow deploy: flow:approval:request cannot run on a worker.",
        "Use a Task with .waitForTaskToken, such as that of lambda:invoke, with Prompt, Choices and Fields beside the token. It is \
         answered with   flow approve ID --engine sfn   , at a flow serve also with --endpoint URL. Or deploy to a flow serve, which \
         runs the approval itself:   flow deploy FILE --endpoint URL",
    ),
    page(
        "CHOICE_WITHOUT_DEFAULT",
        "A Choice has no Default: if no rule matches, the execution fails with States.NoChoiceMatched.",
        "Add a Default with the state for all other cases, or leave it out if such an input must fail.",
    ),
    page(
        "DEFINITION_TOO_LARGE",
        "flow deploy: the compiled definition is larger than Step Functions takes (1 MB).",
        "Move a part into a state machine of its own, and start it with states:startExecution.sync.",
    ),
    page(
        "DUPLICATE_KEY",
        "One object of the file has a key twice. A parser keeps only one of the two values.",
        "Rename or remove one of the two; the message names both lines.",
    ),
    page(
        "DUPLICATE_STATE_NAME",
        "Two states of the definition have the same name. A name must be unique, also across branches and Maps.",
        "Rename one of them, and each Next, Default and StartAt that means it.",
    ),
    page(
        "ERROR_CANNOT_OCCUR",
        "A Retry or Catch names an error that no step of the state fails with: the rule never matches.",
        "Remove the name, or move the rule to the state that fails with it. States.HeartbeatTimeout needs HeartbeatSeconds.",
    ),
    page(
        error_names::INTEGRATION_WITHOUT_STEP,
        "The Resource is a service integration of Step Functions for which flow has no step.",
        "Use one of the integrations that the message lists, call the service's HTTPS API with http:invoke, or run its \
         command line with flow:process:run. AWS Step Functions calls all integrations:   flow deploy FILE",
    ),
    page(
        "INVALID_ARGUMENT",
        "The Arguments (JSONPath: Parameters) of a Task do not fit the input schema of its step, or the question \
         beside a task token is malformed.",
        "The step's page shows its arguments, their types and which of them are required:   flow steps NAME   . A question has those of \
         flow:approval:request; a field with another meaning needs another name.",
    ),
    page(
        "INVALID_JSONATA_EXPRESSION",
        "The text between {% and %} is not JSONata.",
        "Try the expression at https://try.jsonata.org. In YAML, write the text in double quotes and the strings inside it \
         in single quotes.",
    ),
    page(
        "INVALID_STATE_NAME",
        "The name of a state has a line feed or another control character.",
        "Rename the state, and every Next that means it. Commands show such a name as $'…' with escapes, which bash, zsh and ksh read.",
    ),
    page(
        "LITERAL_PATH",
        "A string in a JSONata state has the form of a JSONPath or of an intrinsic function. JSONata does not evaluate it: \
         the string is used as it is.",
        "Write an expression, such as {% $states.input.name %}, or leave the string if it is meant literally.",
    ),
    page(
        "LOOP_EVENTS",
        "flow deploy: each round of a loop writes events, and an execution of Step Functions has at most 25,000: one that needs more fails.",
        "Wait inside a step of flow:wait or another one that polls, which is one Task however long it waits; or start a new execution after some rounds.",
    ),
    page(
        "MISSING_END_STATE",
        "No state ends the machine.",
        "Give the last state End: true, or let it continue at a Succeed or Fail state.",
    ),
    page(
        "MISSING_TRANSITION_TARGET",
        "A Next, Default or StartAt names a state that does not exist, or no transition leads to a state.",
        "Correct the name. It must be a state of the same machine; each branch of a Parallel and each Map is a machine of \
         its own.",
    ),
    page(
        "NOT_PARSED",
        "The file is neither JSON nor YAML.",
        "Correct the line that the message names. YAML is indented with spaces, and a value that contains a colon or begins \
         with { or % needs quotes.",
    ),
    page(
        "PAYLOAD_TOO_LARGE",
        "flow deploy: a value in the definition is larger than a state's input and output may be (256 KiB; 255 KiB for the \
         arguments of a step, beside which a worker receives the visit).",
        "Keep the value in a file or in S3 and read it in a step.",
    ),
    page(
        "PLACEHOLDER",
        "The text has a placeholder such as ${FunctionArn}, which AWS SAM or CloudFormation replaces before Step Functions \
         sees it.",
        "Set its value:   flow run FILE --substitute FunctionArn=VALUE   , or name a file of names and values:   flow run \
         FILE --substitute VALUES",
    ),
    page(
        "SCHEMA_VALIDATION_FAILED",
        "A field is missing, unknown, of the wrong type or not allowed in this QueryLanguage.",
        "Correct the field that the message names. With a JSON Schema of definitions, editors report this as you \
         write:   flow schema > asl.schema.json",
    ),
    page(
        "SECRET_IN_DEFINITION",
        "flow deploy: a secret is written into the definition, which Step Functions keeps in clear text and shows to everyone who may describe it.",
        "Keep the value in Secrets Manager, and pass its ARN to the step.",
    ),
    page(
        "SECRET_IN_HISTORY",
        "flow deploy: a Task receives or returns a value that seems to be a secret. Step Functions keeps it in the history of each run for 90 days.",
        "Pass the ARN of a secret, and let the step or the program read its value.",
    ),
    page(
        "STEP_IN_MAP_FIELD",
        "flow deploy: a Map of Step Functions reads and writes Amazon S3 only.",
        "Use s3:getObject, s3:listObjectsV2 and s3:putObject in ItemReader and ResultWriter.",
    ),
    page(
        "TOKEN_OF_ACTIVITY",
        "flow deploy: the step takes the task token, and a Task of an activity gives its token to the worker only.",
        "Use an integration with .waitForTaskToken in place of the step.",
    ),
    page(
        "TOLERANCE_WITHOUT_EFFECT",
        "An inline Map has ToleratedFailureCount or ToleratedFailurePercentage, which only a distributed Map uses.",
        "Give the Map's ItemProcessor the ProcessorConfig { \"Mode\": \"DISTRIBUTED\", \"ExecutionType\": \"STANDARD\" }, or let a Catch \
         inside the ItemProcessor end an item that failed.",
    ),
    page(
        "TOO_MANY_EVENTS",
        "flow deploy: a run writes more events than the 25,000 that an execution of Step Functions may have.",
        "Use a distributed Map, whose items have histories of their own, or start an execution for each part with states:startExecution.sync.",
    ),
    page(
        "UNKNOWN_ERROR_NAME",
        "A Retry or Catch names an error that does not exist, with the reserved prefix States. or with one of flow's own: \
         the rule never matches.",
        "Correct the name; it must be written exactly, such as States.ALL or Process.Failed.",
    ),
    page(
        "UNKNOWN_FUNCTION",
        "An expression calls a function that neither JSONata nor Step Functions has.",
        "Correct the name. docs.jsonata.org lists the functions; Step Functions adds $partition, $range, $hash, \
         $random(seed), $uuid and $parse, and has no $eval.",
    ),
    page("UNKNOWN_RESOURCE", "No step has the name in Resource.", "Use a step from the list:   flow steps"),
    page(
        "UNKNOWN_VARIABLE",
        "An expression reads a variable that no state assigns, or a field that $states or the context object does not have. \
         Its value is undefined, and an undefined result fails with States.QueryEvaluationError.",
        "Correct the name, or set it with Assign in a state that runs earlier.",
    ),
    page(
        "UNSUPPORTED_JSONATA_EXPRESSION",
        "The expression reads something that Step Functions does not offer there: a bare name such as phone, $$, or \
         $states.errorOutput outside a Catch.",
        "Begin with $states.input, $states.result, $states.context or a variable.",
    ),
    page(
        "WAIT_WITHOUT_DEADLINE",
        "A waitFor step, or a Task with .waitForTaskToken, has no TimeoutSeconds and can wait without end. An approval \
         without it waits for at most a year, a step of flow:wait for a day.",
        "Add TimeoutSeconds, and a Catch of States.Timeout where the workflow can continue.",
    ),
    page(
        "YAML_TAG",
        "A value has a YAML tag, such as !GetAtt or !Sub of CloudFormation, which flow does not evaluate. A parser would \
         drop the tag.",
        "Write a placeholder such as ${FunctionArn} in place of the tag and its value, and set it:   flow run FILE \
         --substitute FunctionArn=VALUE",
    ),
    page(
        api::REJECTED,
        "A person answered with flow reject.",
        "The cause names the state, who rejected it and why. To ask again:   flow resume ID   . A Catch rule with this error lets \
         the workflow continue in another way.",
    ),
    page(
        local_error_names::FILE_CANNOT_READ,
        "A file below FLOW_FILES cannot be read.",
        "The cause is the operating system's error. Check the permissions and that the path is a regular file below \
         FLOW_FILES; then   flow resume ID",
    ),
    page(
        error_names::FLOW_BUSY,
        "Something still uses the resource that the step changes or deletes.",
        "A Retry rule calls the step again. If it keeps failing, end what uses the resource; then   flow resume ID",
    ),
    page(
        error_names::FLOW_CAPACITY,
        "The provider has no capacity at the moment.",
        "Wait, then   flow resume ID   , or start an execution with another size or zone:   flow run --again ID --set \
         KEY=VALUE",
    ),
    page(
        error_names::FLOW_CREDENTIALS,
        "Credentials are missing, expired or of another account. The execution is paused; nothing is lost.",
        "Renew them, such as with aws sso login; then   flow resume ID",
    ),
    page(
        error_names::FLOW_FAILED,
        "A resource that the execution waits for has reached a status that it does not leave, such as failed.",
        "Repair the resource that the cause names; then   flow resume ID",
    ),
    page(
        error_names::FLOW_INVALID,
        "The service can never accept the request as it is.",
        "Correct the input or the definition, and start a new execution:   flow run --again ID --set KEY=VALUE",
    ),
    page(
        error_names::FLOW_NAME_TAKEN,
        "The name belongs to a resource that this deployment did not create.",
        "Choose another name:   flow run --again ID --set KEY=VALUE   , or remove the other resource; then   flow resume ID",
    ),
    page(
        error_names::FLOW_NOT_CONSISTENT_YET,
        "A resource that this execution created is not visible everywhere yet.",
        "flow calls the step again. If the execution failed, wait a minute; then   flow resume ID",
    ),
    page(
        error_names::FLOW_NOT_FOUND,
        "The resource does not exist, and this execution did not create it.",
        "Correct its id or name in the input:   flow run --again ID --set KEY=VALUE",
    ),
    page(
        error_names::FLOW_PERMISSION,
        "The caller does not have the permission for the call.",
        "Grant the permission that the cause names; all that a workflow needs:   flow policy WORKFLOW   . Then   flow resume \
         ID   . For a program on this machine, allow it:   FLOW_PROGRAMS=/bin/date flow resume ID",
    ),
    page(
        error_names::FLOW_QUOTA,
        "A quota of the account is reached.",
        "Raise the quota, or remove resources that are not used; then   flow resume ID",
    ),
    page(
        api::REFUSED,
        "A shipped workflow refused to start: its checks found what AWS, the account or an existing deployment does not \
         allow. Nothing was changed.",
        "The cause lists every problem. Correct the input:   flow run --again ID --set KEY=VALUE   , or the account; \
         then   flow run --again ID   . The same checks without changes:   flow run WORKFLOW --plan",
    ),
    page(
        error_names::FLOW_THROTTLED,
        "The service refuses the call because too many were made. Nothing was changed.",
        "flow calls the step again, more slowly. If the execution failed, wait a minute; then   flow resume ID",
    ),
    page(
        error_names::FLOW_UNKNOWN,
        "No usable answer came: the connection was lost, the time was over, or the server failed. The call may have taken \
         effect.",
        "To continue:   flow resume ID   . The next attempt searches for the effect before it repeats the call.",
    ),
    page(
        local_error_names::PROCESS_CANNOT_START,
        "The program cannot be started.",
        "Check that the file exists and is executable, and that FLOW_PROGRAMS has the same spelling of its path; then   flow \
         resume ID",
    ),
    page(
        local_error_names::PROCESS_FAILED,
        "A program ended with an exit code that is not 0, or by a signal.",
        "The cause quotes its last output. Correct what the program reports; then start it again:   flow resume ID   . Where \
         a failure is expected, add a Retry or Catch rule with this error.",
    ),
    page(
        local_error_names::SSH_CANNOT_CONNECT,
        "The connection or the login did not succeed in time. Nothing was started.",
        "Check host, port and firewall, and connect by hand:   ssh -p PORT USER@HOST   . Then   flow resume ID   . A Retry \
         rule for this error is safe.",
    ),
    page(
        local_error_names::SSH_CONNECTION_LOST,
        "The connection was lost after the program was started. The program may have ended, may have been cut off, or may \
         still run.",
        "Log in to the server and find out. To start the program again:   flow resume ID   . A Retry rule with this error or \
         States.ALL starts it again too.",
    ),
    page(
        local_error_names::SSH_FAILED,
        "A program on another machine ended with an exit code that is not 0, or by a signal.",
        "The cause quotes its last output. Correct what the program reports on that machine; then start it again:   flow \
         resume ID",
    ),
    page(
        local_error_names::SSH_HOST_KEY_REFUSED,
        "The server's host key differs from the pinned or known one, or no key is pinned or known.",
        "Compare the key on the server itself:   ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub   . If it is right, write \
         it as hostKey in the file of FLOW_SSH_HOSTS; then   flow resume ID",
    ),
    page(
        local_error_names::SSH_OUTCOME_UNKNOWN,
        "The program was started on another machine, and flow does not know how it ended: flow's process or the attempt \
         ended first.",
        "Log in to the server and find out. To start the program again:   flow resume ID",
    ),
    page(
        error_names::BRANCH_FAILED,
        "A branch of a Parallel failed.",
        "The cause is the branch's. Repair it; then   flow resume ID   runs only what has not succeeded.",
    ),
    page(
        error_names::DATA_LIMIT_EXCEEDED,
        "A state's input, output or variable is larger than 256 KiB.",
        "Write the value to a file or a bucket, and pass its name. The change is in the definition:   flow run FILE --again \
         ID",
    ),
    page(
        error_names::EXCEED_TOLERATED_FAILURE_THRESHOLD,
        "More items of a Map failed than ToleratedFailurePercentage or ToleratedFailureCount allow.",
        "Repair what the failed items have in common; then   flow resume ID   . Or raise the threshold in the definition, \
         and start again:   flow run FILE --again ID",
    ),
    page(
        error_names::HEARTBEAT_TIMEOUT,
        "A worker sent no heartbeat for HeartbeatSeconds.",
        "Check that the worker runs and reaches the endpoint; then   flow resume ID",
    ),
    page(
        error_names::INTRINSIC_FAILURE,
        "An intrinsic function such as States.Format failed.",
        "The cause names the function and the argument. Correct the file, and enter the state again:   flow run FILE --again \
         ID --from STATE",
    ),
    page(
        error_names::ITEM_READER_FAILED,
        "The items of a Map cannot be read.",
        "The cause names the file or object. Check that it exists, may be read, and has the format that ReaderConfig names; \
         then   flow resume ID",
    ),
    page(
        error_names::NO_CHOICE_MATCHED,
        "No rule of a Choice matched, and it has no Default.",
        "Add a Default, or a rule for this input:   flow status ID --state STATE   shows it. Correct the file, and enter the \
         state again:   flow run FILE --again ID --from STATE",
    ),
    page(
        error_names::PARAMETER_PATH_FAILURE,
        "A path in Parameters, or in another field that ends in .$, finds nothing in the input.",
        "Compare the path with the state's input:   flow status ID --state STATE   . Correct the file, and enter the state \
         again:   flow run FILE --again ID --from STATE",
    ),
    page(
        error_names::QUERY_EVALUATION_ERROR,
        "A JSONata expression failed, or its result is undefined.",
        "The cause has the expression and its location; the state's input:   flow status ID --state STATE   . Correct the \
         file, and enter the state again:   flow run FILE --again ID --from STATE",
    ),
    page(
        error_names::RESULT_PATH_MATCH_FAILURE,
        "ResultPath cannot be applied to the state's input, because the input has no object at that path.",
        "Compare ResultPath with the state's input:   flow status ID --state STATE   . Correct the file, and enter the state \
         again:   flow run FILE --again ID --from STATE",
    ),
    page(
        error_names::RESULT_WRITER_FAILED,
        "The results of a Map cannot be written.",
        "The cause names the file or bucket. Check that it exists and may be written, and that the disk has space; \
         then   flow resume ID",
    ),
    page(
        error_names::RUNTIME,
        "The execution cannot continue with its definition. Retry and Catch do not apply to this error.",
        "The cause names the field. An execution keeps the definition that it started with. Correct the file, and enter the \
         state again:   flow run FILE --again ID --from STATE",
    ),
    page(
        error_names::TASK_FAILED,
        "A Task failed with an error other than a time-out. In Retry and Catch, the name matches each such error.",
        "The cause says what failed. Repair it; then   flow resume ID",
    ),
    page(
        error_names::TIMEOUT,
        "A state or the execution has run for longer than its TimeoutSeconds.",
        "Repair what took so long; then   flow resume ID   . If the time is too short, raise TimeoutSeconds in the \
         definition, and start again:   flow run FILE --again ID",
    ),
];

/// Finds the page of a code, ignoring case.
pub fn find(code: &str) -> Option<&'static Explanation> {
    ALL.iter().find(|page| page.code.eq_ignore_ascii_case(code))
}

#[cfg(test)]
mod tests {
    use super::ALL;

    /// The commands of a remedy: each has three spaces or the remedy's end around it.
    fn commands(remedy: &str) -> Vec<&str> {
        let is_command = |part: &&str| {
            let mut words = part.split(' ').skip_while(|word| word.contains('='));
            words.next() == Some("flow") && !part.contains(". ")
        };
        remedy.split("   ").filter(is_command).collect()
    }

    #[test]
    fn the_page_of_every_error_name_proposes_a_command_and_all_commands_are_understood() {
        for page in ALL {
            let proposed = commands(page.remedy);
            assert!(!page.code.contains('.') || !proposed.is_empty(), "{}: {}", page.code, page.remedy);
            for command in proposed {
                let words = command.split(' ').skip_while(|word| word.contains('=')).take_while(|word| *word != ">");
                assert!(crate::understand(words).is_ok(), "{}: {command}", page.code);
            }
        }
    }
}

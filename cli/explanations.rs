//! The pages of `flow explain`: what each code of `flow check` and each error name means, its cause, and what to do
//! about it.

/// A page of `flow explain`.
pub struct Explanation {
    /// The code or the error name.
    pub code: &'static str,
    /// The meaning, in a sentence.
    pub meaning: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

const fn page(code: &'static str, meaning: &'static str, remedy: &'static str) -> Explanation {
    Explanation { code, meaning, remedy }
}

/// Every page: first the codes of `flow check`, then the error names of executions.
pub const ALL: &[Explanation] = &[
    page(
        "ACTIVITY_ARN_INVALID",
        "A Task names an activity with an ARN that no activity can have: without a region, an account id of 12 digits, or a name.",
        "Write arn:aws:states:REGION:ACCOUNT:activity:NAME, as CreateActivity and ListActivities return it.",
    ),
    page(
        "ACTIVITY_IN_EXPRESS",
        "flow deploy: child executions of type EXPRESS cannot wait for an activity, and every flow: Task becomes one.",
        "Set ExecutionType STANDARD in the Map's ProcessorConfig.",
    ),
    page(
        "ACTIVITY_MUST_EXIST",
        "A Task names an activity that does not exist in the home, or the home has no store that says which exist. The execution fails with States.Runtime if it enters the state without it.",
        "Create it with CreateActivity at the endpoint that runs the workflow, such as that of flow serve, before the execution starts.",
    ),
    page(
        "ACTS_ON_WORKER",
        "flow deploy: the step acts on a machine, and any worker may receive its task.",
        "Give the activity to workers that share what it needs: flow worker --activities process:run.",
    ),
    page(
        "APPROVAL_ON_WORKER",
        "flow deploy: flow:approval:request asks on the local engine only.",
        "Use a Task with .waitForTaskToken: flow approve --engine sfn answers it, and checks Prompt, Choices and Fields beside the token.",
    ),
    page(
        "CHOICE_WITHOUT_DEFAULT",
        "A Choice has no Default: where no rule matches, the execution fails with States.NoChoiceMatched.",
        "Add Default with the state for all other cases, or leave it out on purpose.",
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
        "Two states of the definition have one name. Names must be unique over all branches and Maps.",
        "Rename one of them, and every Next that means it.",
    ),
    page(
        "ERROR_CANNOT_OCCUR",
        "A Retry or Catch names an error that no step of the state fails with: the rule never matches.",
        "Remove the name, or move the rule to the state that fails with it. States.HeartbeatTimeout needs HeartbeatSeconds.",
    ),
    page(
        "INTEGRATION_WITHOUT_STEP",
        "The Resource is a service integration of Step Functions for which flow has no step.",
        "Use one of the integrations that the message lists, call the service's HTTPS API with http:invoke, or run its command line with \
         flow:process:run.",
    ),
    page(
        "INVALID_ARGUMENT",
        "The Arguments (JSONPath: Parameters) of a Task do not fit the input schema of its step.",
        "flow steps NAME shows the arguments, which of them are required, and their types.",
    ),
    page(
        "INVALID_JSONATA_EXPRESSION",
        "The text between {% and %} is not JSONata.",
        "Try the expression at https://try.jsonata.org. Strings inside are written with single quotes in YAML's double quotes.",
    ),
    page(
        "LITERAL_PATH",
        "A text of a JSONata state is JSONPath or an intrinsic function. JSONata uses the text as it is written.",
        "Write an expression, such as {% $states.input.name %}, or leave the text if it is meant.",
    ),
    page(
        "MISSING_END_STATE",
        "No state ends the machine.",
        "Give the last state End: true, or lead to a Succeed or Fail state.",
    ),
    page(
        "MISSING_TRANSITION_TARGET",
        "A Next, Default or StartAt names a state that does not exist, or a state is never reached.",
        "Correct the name: it must be one of the same machine, a branch is a machine of its own.",
    ),
    page(
        "NOT_PARSED",
        "The file is neither JSON nor YAML.",
        "Correct the line that the message names. YAML is indented with spaces, and a value that contains a colon or begins with { or % needs quotes.",
    ),
    page(
        "PAYLOAD_TOO_LARGE",
        "flow deploy: a value in the definition is larger than a state's input and output may be (256 KiB).",
        "Keep the value in a file or in S3 and read it in a step.",
    ),
    page(
        "PLACEHOLDER",
        "The text has a placeholder such as ${FunctionArn}, which AWS SAM or CloudFormation replaces before Step Functions sees it.",
        "Give its value: --substitute FunctionArn=VALUE, or --substitute FILE with names and values.",
    ),
    page(
        "SCHEMA_VALIDATION_FAILED",
        "A field is missing, unknown, of the wrong type or not for this QueryLanguage.",
        "The message names the field. flow schema > asl.schema.json lets an editor show this while you write.",
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
        "UNKNOWN_ERROR_NAME",
        "A Retry or Catch names an error that does not exist, with the reserved prefix States. or with one of flow's own: the rule never matches.",
        "Correct the name; it must be written exactly, such as States.ALL or Process.Failed.",
    ),
    page(
        "UNKNOWN_FUNCTION",
        "An expression calls a function that neither JSONata nor Step Functions has.",
        "Correct the name. docs.jsonata.org lists the functions; Step Functions adds $partition, $range, $hash, $random(seed), $uuid and \
         $parse, and has no $eval.",
    ),
    page("UNKNOWN_RESOURCE", "No step has the name in Resource.", "flow steps lists all."),
    page(
        "UNKNOWN_VARIABLE",
        "An expression reads a variable that no state assigns, or a field that $states or the context object does not have. Its value is \
         undefined, and an undefined result fails with States.QueryEvaluationError.",
        "Correct the name, or set it with Assign in a state that runs earlier.",
    ),
    page(
        "UNSUPPORTED_JSONATA_EXPRESSION",
        "The expression reads something that Step Functions does not offer there: a bare name such as phone, $$, or $states.errorOutput \
         outside a Catch.",
        "Begin with $states.input, $states.result, $states.context or a variable.",
    ),
    page(
        "WAIT_WITHOUT_DEADLINE",
        "A waitFor step, or a Task with .waitForTaskToken, has no TimeoutSeconds and can wait without end. An approval without it waits for at most a year, a \
         step of flow:wait for a day.",
        "Add TimeoutSeconds, and a Catch of States.Timeout where the workflow can continue.",
    ),
    page(
        "YAML_TAG",
        "A value has a YAML tag, such as !GetAtt or !Sub of CloudFormation, which flow does not evaluate. A parser would drop the tag.",
        "Write a placeholder such as ${FunctionArn} in place of the tag and its value, and give the value: --substitute FunctionArn=VALUE.",
    ),
    page(
        "Approval.Rejected",
        "A person answered with flow reject.",
        "Catch the error where the workflow has another way; the cause names the state that was rejected, who rejected it and why.",
    ),
    page(
        "File.CannotRead",
        "A file below FLOW_FILES cannot be read.",
        "The cause is the system's: check the permissions, and that the path is a regular file.",
    ),
    page(
        "Flow.Busy",
        "Something still uses the resource.",
        "It is tried again by Retry; else end what uses it, then flow resume.",
    ),
    page(
        "Flow.Capacity",
        "The provider has no capacity at the moment.",
        "Wait and flow resume, or choose another size or zone.",
    ),
    page(
        "Flow.Credentials",
        "Credentials are missing, expired or of another account. The execution is paused; nothing is lost.",
        "Renew them (aws sso login), then flow resume.",
    ),
    page(
        "Flow.Failed",
        "What was waited for failed for good.",
        "Repair it, then flow resume; the cause says what failed.",
    ),
    page(
        "Flow.Invalid",
        "The request can never succeed as it is.",
        "Correct the input or the definition and start again with flow run.",
    ),
    page(
        "Flow.NameTaken",
        "The name belongs to something that this deployment did not make.",
        "Choose another name, or remove the other.",
    ),
    page(
        "Flow.NotConsistentYet",
        "An id that this execution created is not known everywhere yet.",
        "It is retried; otherwise flow resume.",
    ),
    page("Flow.NotFound", "It does not exist, and this execution did not make it.", "Correct the id in the input."),
    page(
        "Flow.Permission",
        "The caller may not do this.",
        "flow policy and flow steps name the permissions; then flow resume. For a program of this machine: FLOW_PROGRAMS=/bin/date flow resume ID",
    ),
    page("Flow.Quota", "A limit of the account is reached.", "Raise it or remove something, then flow resume."),
    page(
        "Flow.Refused",
        "A shipped workflow refused to start: its checks found what AWS, the account or an existing deployment does not allow. Nothing was changed.",
        "The cause lists every problem at once: correct the input or the account and start again with flow run. flow run --plan makes the same checks.",
    ),
    page(
        "Flow.Throttled",
        "The service asks for fewer calls. Nothing was changed.",
        "It is retried; otherwise flow resume later.",
    ),
    page(
        "Flow.Unknown",
        "The answer was lost, late or a server error: the call may have taken effect.",
        "flow resume: the next attempt searches for the effect before it repeats the call.",
    ),
    page(
        "Process.CannotStart",
        "The program does not start.",
        "Check the path and that it may be executed; FLOW_PROGRAMS must name it by the same spelling.",
    ),
    page(
        "Process.Failed",
        "A program ended with an exit code that is not 0, or by a signal.",
        "The cause quotes its last output.",
    ),
    page(
        "Ssh.CannotConnect",
        "There was no connection to the server, or no login in time. Nothing was started.",
        "Check host, port and firewall; a Retry rule for this error is safe.",
    ),
    page(
        "Ssh.ConnectionLost",
        "The connection was lost after the program was started: it may have ended, have ended in part, or run still.",
        "Find out on the server. flow resume starts the program again; so does a Retry rule that names this error or States.ALL.",
    ),
    page(
        "Ssh.Failed",
        "A program on another machine ended with an exit code that is not 0, or by a signal.",
        "The cause quotes its last output.",
    ),
    page(
        "Ssh.HostKeyRefused",
        "The server has another host key than the one that is pinned or known, or none is.",
        "Compare the key on the server itself. Where it is right, pin it as hostKey in the file of FLOW_SSH_HOSTS.",
    ),
    page(
        "Ssh.OutcomeUnknown",
        "The process that started a program on another machine ended before the program did, or its attempt is over.",
        "Find out on the server; flow resume starts the program again.",
    ),
    page(
        "States.BranchFailed",
        "A branch of a Parallel failed.",
        "The cause is the branch's; repair it, then flow resume.",
    ),
    page(
        "States.DataLimitExceeded",
        "A value is larger than 256 KiB.",
        "Write it to a file or a bucket and pass its name.",
    ),
    page(
        "States.ExceedToleratedFailureThreshold",
        "More items of a Map failed than ToleratedFailurePercentage or ToleratedFailureCount allow.",
        "Repair the items, then flow resume; or raise the threshold.",
    ),
    page(
        "States.HeartbeatTimeout",
        "A worker sent no heartbeat within HeartbeatSeconds.",
        "Check the worker, then flow resume.",
    ),
    page("States.IntrinsicFailure", "An intrinsic function such as States.Format failed.", "Correct its arguments."),
    page("States.ItemReaderFailed", "The items of a Map cannot be read.", "The cause names the file or object."),
    page(
        "States.NoChoiceMatched",
        "No rule of a Choice matched and it has no Default.",
        "Add Default, or a rule for this input.",
    ),
    page(
        "States.ParameterPathFailure",
        "A path in Parameters finds nothing in the input.",
        "flow status ID --state NAME shows the input.",
    ),
    page(
        "States.QueryEvaluationError",
        "A JSONata expression failed or its result is undefined.",
        "Correct it; the cause has the location.",
    ),
    page(
        "States.ResultPathMatchFailure",
        "ResultPath cannot be applied to the input.",
        "The input must be an object there.",
    ),
    page("States.ResultWriterFailed", "The results of a Map cannot be written.", "The cause names the file or bucket."),
    page(
        "States.Runtime",
        "The execution cannot continue as the definition is: Retry and Catch do not match it.",
        "Correct the definition.",
    ),
    page(
        "States.TaskFailed",
        "Any failure of a Task but a time-out: what Retry and Catch can match.",
        "The cause says what failed.",
    ),
    page(
        "States.Timeout",
        "TimeoutSeconds of a state or of the machine has passed.",
        "Repair what took so long, then flow resume.",
    ),
];

/// Finds the page of a code, ignoring case.
pub fn find(code: &str) -> Option<&'static Explanation> {
    ALL.iter().find(|page| page.code.eq_ignore_ascii_case(code))
}

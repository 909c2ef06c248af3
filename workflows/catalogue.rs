//! The complete list of shipped workflows.

use serde_json::Value;

use crate::{
    assemble::{WorkflowError, assemble, parse_yaml},
    endpoints_aws, endpoints_aws_teardown,
    prepare::prepare,
    problem::InputProblem,
};

/// A shipped workflow.
#[derive(Debug)]
pub struct Workflow {
    /// The name for `flow run`, and of its folder.
    pub name: &'static str,
    /// The workflow's purpose, in one sentence.
    pub summary: &'static str,
    /// Its README, Markdown.
    pub readme: &'static str,
    pub(crate) main: &'static str,
    pub(crate) sections: &'static [(&'static str, &'static str)],
    pub(crate) schema: &'static str,
    pub(crate) example: &'static str,
    pub(crate) behaviour: Behaviour,
}

/// A workflow's rules for its input beyond the schema. Every function receives an input with defaults, which may be
/// invalid.
#[derive(Debug)]
pub(crate) struct Behaviour {
    pub check: fn(&Value) -> Vec<InputProblem>,
    pub subject: fn(&Value) -> String,
    pub warnings: fn(&Value) -> Vec<String>,
    pub plan_lines: fn(&Value) -> Vec<String>,
    pub rehearsal_input: fn() -> Value,
}

/// Every shipped workflow.
pub fn catalogue() -> &'static [Workflow] {
    CATALOGUE
}

/// The workflow called `name`.
pub fn find(name: &str) -> Option<&'static Workflow> {
    CATALOGUE.iter().find(|workflow| workflow.name == name)
}

impl Workflow {
    /// The definition as one plain ASL document.
    ///
    /// A section is a Parallel state with one branch. Its name is the section's heading, and its `Comment` describes
    /// its purpose. A Parallel with several branches only groups what runs side by side.
    pub fn definition(&self) -> Result<Value, WorkflowError> {
        let main = with_anchors(&format!("{}/main", self.name), self.main)?;
        assemble(self.name, main, &|reference| {
            let section = self.sections.iter().find(|(name, _)| *name == reference);
            let (_, text) = section.ok_or_else(|| WorkflowError::MissingSection {
                name: self.name.to_owned(),
                section: reference.to_owned(),
            })?;
            with_anchors(&format!("{}/{reference}", self.name), text)
        })
    }

    /// The JSON Schema (draft 2020-12) of its input. The keyword `allowed` describes a rule in plain words.
    pub fn input_schema(&self) -> Value {
        serde_json::from_str(self.schema).unwrap_or(Value::Null)
    }

    /// A commented input file (YAML) to fill in: what `flow init` writes.
    pub fn example_input(&self) -> &'static str {
        self.example
    }

    /// The input of a rehearsal.
    pub fn rehearsal_input(&self) -> Value {
        (self.behaviour.rehearsal_input)()
    }

    /// Checks `input` and adds the defaults. All problems are reported at once.
    pub fn prepare_input(&self, input: Value) -> Result<Value, Vec<InputProblem>> {
        prepare(&self.input_schema(), self.behaviour.check, input)
    }

    /// The subject of an execution with this input. Two running executions with the same subject would interfere with
    /// each other.
    pub fn subject(&self, input: &Value) -> String {
        (self.behaviour.subject)(input)
    }

    /// The warnings that a person should read before consenting.
    pub fn warnings(&self, input: &Value) -> Vec<String> {
        (self.behaviour.warnings)(input)
    }

    /// The resources that the run will create or remove and its approximate cost, a line each.
    pub fn plan_lines(&self, input: &Value) -> Vec<String> {
        (self.behaviour.plan_lines)(input)
    }
}

fn with_anchors(name: &str, text: &str) -> Result<Value, WorkflowError> {
    parse_yaml(name, &format!("{}\n{text}", include_str!("anchors.yaml")))
}

macro_rules! sections {
    ($folder:literal: $($section:literal),+ $(,)?) => {
        &[$((concat!("sections/", $section), include_str!(concat!($folder, "/sections/", $section, ".asl.yaml")))),+]
    };
}

static CATALOGUE: &[Workflow] = &[
    Workflow {
        name: "endpoints-aws",
        summary: "OpenEndpoints on AWS: certificate, network, bastion, PostgreSQL, Fargate service, load balancer, alarms",
        readme: include_str!("endpoints-aws/README.md"),
        main: include_str!("endpoints-aws/main.asl.yaml"),
        sections: sections!["endpoints-aws":
            "01-preflight",
            "02-domain-and-https-certificate",
            "03-vpc-and-subnets",
            "04-security-groups",
            "05-bastion",
            "06-postgresql-database",
            "07-task-definition",
            "08-ecs-cluster",
            "09-load-balancer",
            "10-domain-to-load-balancer",
            "11-https-listener",
            "12-service",
            "13-alarms",
            "14-use-the-application",
        ],
        schema: include_str!("endpoints-aws/input.schema.json"),
        example: include_str!("endpoints-aws/input.example.yaml"),
        behaviour: endpoints_aws::BEHAVIOUR,
    },
    Workflow {
        name: "endpoints-aws-teardown",
        summary: "Removes what endpoints-aws made, found by its tags, with a final snapshot of the database",
        readme: include_str!("endpoints-aws-teardown/README.md"),
        main: include_str!("endpoints-aws-teardown/main.asl.yaml"),
        sections: sections!["endpoints-aws-teardown":
            "01-find",
            "02-alarms",
            "03-service",
            "04-records",
            "05-listener",
            "06-load-balancer",
            "07-task-definition-and-cluster",
            "08-postgresql-database",
            "09-bastion",
            "10-security-groups",
            "11-vpc-and-subnets",
            "12-certificate",
            "13-check",
        ],
        schema: include_str!("endpoints-aws-teardown/input.schema.json"),
        example: include_str!("endpoints-aws-teardown/input.example.yaml"),
        behaviour: endpoints_aws_teardown::BEHAVIOUR,
    },
];

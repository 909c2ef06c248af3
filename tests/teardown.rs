//! The findings of a teardown, and the resources that it reports as kept.

use crate::support::{Home, World};

const SPEED: &str = "150";

/// Deletions of each kind: a second call finds nothing, a part, or a resource that is going.
const DELETIONS: &[&str] = &[
    "cloudwatch:DeleteAlarms",
    "sns:DeleteTopic",
    "ecs:DeleteService",
    "ecs:DeregisterTaskDefinition",
    "route53:ChangeResourceRecordSets",
    "elbv2:DeleteLoadBalancer",
    "iam:DeleteRolePolicy",
    "secretsmanager:DeleteSecret",
    "rds:DeleteDBInstance",
    "ec2:TerminateInstances",
    "ec2:DeleteKeyPair",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:DeleteVpc",
];

/// Imports a certificate for every name in `example.com` and returns its ARN.
fn wildcard_certificate(world: &World) -> String {
    let arn = world.python(
        "import boto3, datetime, sys\n\
         from cryptography import x509\n\
         from cryptography.hazmat.primitives import hashes, serialization as s\n\
         from cryptography.hazmat.primitives.asymmetric import rsa\n\
         key = rsa.generate_private_key(65537, 2048)\n\
         name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, '*.example.com')])\n\
         now = datetime.datetime.now(datetime.timezone.utc)\n\
         day = datetime.timedelta(days=1)\n\
         c = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)\n\
         c = c.not_valid_before(now - day).not_valid_after(now + 90 * day).sign(key, hashes.SHA256())\n\
         private = key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())\n\
         acm = boto3.client('acm', endpoint_url=sys.argv[1], region_name=sys.argv[2], aws_access_key_id='x', aws_secret_access_key='x')\n\
         print(acm.import_certificate(Certificate=c.public_bytes(s.Encoding.PEM), PrivateKey=private)['CertificateArn'])",
    );
    arn.trim().to_owned()
}

/// The first domain has a certificate of the deployment. Only the load balancer's tags name the second one.
#[test]
fn a_teardown_counts_lost_deletions_once_deletes_the_records_of_every_domain_and_keeps_a_shared_one() {
    let home = Home::for_rehearsal();
    home.rehearse(&[]);
    let world = home.world();
    world.python(
        "import boto3, sys\n\
         c = boto3.client('acm', endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='x', aws_secret_access_key='x')\n\
         c.request_certificate(DomainName='*.endpoints.example.com', ValidationMethod='DNS')",
    );
    let arn = format!("certificate.arn={}", wildcard_certificate(&world));
    let existing = ["--set", "certificate.validation=EXISTING", "--set", arn.as_str()];
    let said = home.rehearse(&[&existing[..], &["--set", "domain=other.example.com"]].concat());
    assert!(said.contains("an earlier run served endpoints.example.com"), "{said}");
    assert!(said.contains("The record of endpoints.example.com in hosted zone"), "{said}");
    assert_eq!(world.inspect()["counts"]["records"], 3, "{said}");
    let teardown = ["run", "endpoints-aws-teardown", "--rehearse", "--speed", SPEED];
    let planned = home.succeed(&[&teardown[..], &["--plan"]].concat());
    let summary = planned.lines().find(|line| line.starts_with("Plan: ")).unwrap();
    let deletions = summary.split(" to delete").next().and_then(|text| text.rsplit(' ').next()).unwrap();
    let lost: Vec<String> = DELETIONS.iter().map(|call| format!("--fault={call}=lost")).collect();
    let lost: Vec<&str> = lost.iter().map(String::as_str).collect();
    let said = home.succeed(&[&teardown[..], &lost[..]].concat());
    assert!(said.contains(&format!(", {deletions} deleted")), "{deletions} are planned: {said}");
    assert!(said.contains("in us-east-1 is validated by it"), "{said}");
    assert!(!said.contains("this deployment did not create it"), "{said}");
    assert_eq!(world.inspect()["counts"]["records"], 1, "{said}");
    assert_eq!(
        world.inspect()["counts"]["certificates"],
        1,
        "the imported certificate is not the deployment's: {said}"
    );
}

//! A second run from another home, in a VPC that others change.

use std::fs;

use crate::{
    planned::agrees,
    support::{Home, SPEED},
};

const EC2: &str = "import boto3, sys\n\
    c = boto3.client('ec2', endpoint_url=sys.argv[1], region_name=sys.argv[2], aws_access_key_id='x', aws_secret_access_key='x')\n\
    vpc = c.describe_vpcs(Filters=[dict(Name='is-default', Values=['true'])])['Vpcs'][0]['VpcId']\n";
const WITHOUT_THIRD_ZONE: &str = "subnets = c.describe_subnets(Filters=[dict(Name='vpc-id', Values=[vpc])])['Subnets']\n\
    [c.delete_subnet(SubnetId=s['SubnetId']) for s in subnets if s['AvailabilityZone'].endswith('c')]";
/// Adds a subnet in a zone that the deployment does not use, and prints a new private key.
const LATER: &str = "c.create_subnet(VpcId=vpc, CidrBlock='172.31.200.0/24', AvailabilityZone='eu-central-1c')\n\
    from cryptography.hazmat.primitives import serialization as s\n\
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey\n\
    print(Ed25519PrivateKey.generate().private_bytes(s.Encoding.PEM, s.PrivateFormat.OpenSSH, s.NoEncryption()).decode())";

#[test]
fn a_new_subnet_and_another_private_key_change_nothing_and_the_key_is_named() {
    let home = Home::for_rehearsal();
    let world = home.world();
    world.python(&format!("{EC2}{WITHOUT_THIRD_ZONE}"));
    let default_vpc = ["--set", "vpc.mode=default"];
    // A run that failed has created a part.
    let denied = ["--fault", "ec2:AuthorizeSecurityGroupIngress=denied"];
    home.exits(&[&["run", "endpoints-aws", "--rehearse", "--speed", SPEED], &default_vpc[..], &denied].concat(), 1);
    agrees(&home, &world, "endpoints-aws", &default_vpc);
    let other_key = world.python(&format!("{EC2}{LATER}"));
    let file = home.path().join("rehearsal/keys/rehearsal-bastion.pem");
    fs::write(&file, &other_key).unwrap();
    let said = home.rehearse(&default_vpc);
    assert!(said.contains("0 created, 0 updated"), "{said}");
    assert!(said.contains("Neither is replaced") && said.matches("SHA256:").count() >= 2, "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), other_key);
    fs::remove_file(&file).unwrap();
    let plan = home.rehearse(&[&default_vpc[..], &["--plan", "--detailed-exitcode"]].concat());
    assert!(plan.contains("is not in this home's folder of keys"), "{plan}");
    assert!(!file.exists(), "a plan makes no key");
}

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command;

use super::*;
use crate::test_server::{TestServer, addresses};

const IDENTITY: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
    <GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/x</Arn><UserId>U</UserId>\
    <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

/// Set only in the child process of the test below.
const ENDPOINT_VARIABLE: &str = "FLOW_TEST_REHEARSAL_ENDPOINT";

#[test]
fn a_rehearsal_with_real_credentials_around_never_reaches_aws() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let aws = runtime.block_on(TestServer::start((200, "content-type: text/xml\r\n", IDENTITY)));
    let elsewhere = runtime.block_on(TestServer::start((200, "", "")));
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config");
    let profile = format!(
        "[profile production]\nregion = us-east-1\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = s\n\
         endpoint_url = {}\n",
        elsewhere.endpoint()
    );
    std::fs::write(&config, profile).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "environment::tests::the_child_that_rehearses", "--nocapture"])
        .env(ENDPOINT_VARIABLE, aws.endpoint())
        .env("AWS_ACCESS_KEY_ID", "AKIAREAL")
        .env("AWS_SECRET_ACCESS_KEY", "real")
        .env("AWS_SESSION_TOKEN", "real")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_PROFILE", "production")
        .env("AWS_CONFIG_FILE", &config)
        .env("AWS_SHARED_CREDENTIALS_FILE", &config)
        .env("AWS_ENDPOINT_URL", elsewhere.endpoint())
        .env("AWS_ENDPOINT_URL_STS", elsewhere.endpoint())
        .env("HTTP_PROXY", elsewhere.endpoint())
        .env("http_proxy", elsewhere.endpoint())
        .env("HTTPS_PROXY", elsewhere.endpoint())
        .env("ALL_PROXY", elsewhere.endpoint())
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let requests = aws.requests();
    assert_eq!(requests.len(), 2, "one read and one change arrived: {requests:?}");
    for request in requests {
        assert!(request.contains("Credential=rehearsal/"), "{request}");
        assert!(request.contains("/eu-central-1/"), "{request}");
        for real in ["AKIAREAL", "AKIAPROFILE", "us-east-1", "x-amz-security-token"] {
            assert!(!request.contains(real), "{real} in {request}");
        }
    }
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[test]
fn the_child_that_rehearses() {
    let Ok(endpoint) = std::env::var(ENDPOINT_VARIABLE) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let environment = Environment::for_rehearsal(addresses(endpoint)).unwrap();
        assert_eq!(environment.region(), "eu-central-1");
        environment.client_for_reads(aws_sdk_sts::Client::new).get_caller_identity().send().await.unwrap();
        environment.client_for_changes(aws_sdk_sts::Client::new).get_caller_identity().send().await.unwrap();
    });
}

#[test]
fn a_rehearsal_refuses_every_address_beyond_this_machine() {
    let refused = |addresses| Environment::for_rehearsal(addresses).unwrap_err().class == ErrorClass::Invalid;
    for endpoint in [
        "https://ec2.eu-central-1.amazonaws.com",
        "http://ec2.eu-central-1.amazonaws.com",
        "http://10.0.0.1:5000",
        "http://localhost.example.com:5000",
        "http://localhost:5000",
        "http://127.0.0.1@example.com",
        "https://127.0.0.1:5000",
        "",
    ] {
        assert!(refused(addresses(endpoint.to_owned())), "{endpoint}");
    }
    let good = || addresses("http://127.0.0.1:5000".to_owned());
    assert!(Environment::for_rehearsal(good()).is_ok());
    assert!(Environment::for_rehearsal(addresses("http://[::1]:5000".to_owned())).is_ok());
    let outside = SocketAddr::from(([192, 0, 2, 1], 22));
    assert!(refused(RehearsalAddresses { dns_server: outside, ..good() }));
    assert!(refused(RehearsalAddresses { ssh_server: outside, ..good() }));
    assert!(refused(RehearsalAddresses { https_server: outside, ..good() }));
}

#[tokio::test]
async fn a_change_that_failed_is_not_repeated_by_the_sdk() {
    let server = TestServer::start((500, "", "<html>broken</html>")).await;
    let environment = crate::test_server::environment(&server);
    assert!(environment.ec2().create_vpc().cidr_block("10.0.0.0/16").send().await.is_err());
    assert_eq!(server.requests().len(), 1);
    assert!(environment.ec2_reads().describe_vpcs().send().await.is_err());
    assert_eq!(server.requests().len(), 4, "a read is tried three times");
}

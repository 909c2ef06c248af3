#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;

use hickory_proto::{
    op::{Message, OpCode, ResponseCode},
    rr::{Name, Record, rdata},
};
use tokio::net::UdpSocket;

use super::*;
use crate::{RehearsalAddresses, test_server::addresses as rehearsal_addresses};

/// Answers over UDP from a list of (name, record). Other names do not exist.
async fn dns_server(records: Vec<(&'static str, RData)>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0_u8; 1500];
        while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
            let question = Message::from_vec(&buffer[..length]).unwrap();
            let answer = answer(&question, &records).to_vec().unwrap();
            socket.send_to(&answer, client).await.unwrap();
        }
    });
    address
}

fn answer(question: &Message, records: &[(&str, RData)]) -> Message {
    let mut message = Message::response(question.metadata.id, OpCode::Query);
    let query = question.queries[0].clone();
    let (mut name, kind) = (query.name().clone(), query.query_type());
    message.add_query(query);
    let mut exists = false;
    // Follows CNAMEs as a resolver does.
    loop {
        let of_name: Vec<_> = records.iter().filter(|(of, _)| Name::from_ascii(of).unwrap() == name).collect();
        exists = exists || !of_name.is_empty();
        let mut next = None;
        for (_, data) in of_name {
            if data.record_type() == kind || data.record_type() == RecordType::CNAME {
                message.add_answer(Record::from_rdata(name.clone(), 5, data.clone()));
            }
            if let (RData::CNAME(target), true) = (data, kind != RecordType::CNAME) {
                next = Some(target.0.clone());
            }
        }
        match next {
            Some(target) => name = target,
            None => break,
        }
    }
    if !exists {
        message.metadata.response_code = ResponseCode::NXDomain;
    }
    message
}

fn a(address: [u8; 4]) -> RData {
    RData::A(rdata::A(address.into()))
}

fn cname(target: &str) -> RData {
    RData::CNAME(rdata::CNAME(Name::from_ascii(target).unwrap()))
}

async fn wait(records: Vec<(&'static str, RData)>, hosted_zone_found: bool) -> Answer<FoundRecord> {
    let dns_server = dns_server(records).await;
    let addresses = RehearsalAddresses { dns_server, ..rehearsal_addresses("http://127.0.0.1:9".to_owned()) };
    let environment = Arc::new(Environment::for_rehearsal(addresses).unwrap());
    let input =
        WaitForRecord { name: "app.example.com".into(), target: "LB.elb.example.net".into(), hosted_zone_found };
    wait_for_record(environment, StepContext::for_test("Wait"), input).await.unwrap()
}

fn reason(answer: Answer<FoundRecord>) -> String {
    match answer {
        Answer::Pending(pending) => pending.reason,
        Answer::Done(done) => panic!("{done:?}"),
    }
}

#[tokio::test]
async fn a_cname_leads_to_the_target_even_before_that_has_an_address() {
    let answer = wait(vec![("app.example.com.", cname("lb.elb.example.net."))], true).await;
    let Answer::Done(done) = answer else { panic!("{answer:?}") };
    assert_eq!(done.output.answers, ["lb.elb.example.net"]);
}

#[tokio::test]
async fn an_alias_is_known_by_one_common_address() {
    let records = vec![
        ("app.example.com.", a([192, 0, 2, 2])),
        ("lb.elb.example.net.", a([192, 0, 2, 1])),
        ("lb.elb.example.net.", a([192, 0, 2, 2])),
    ];
    let Answer::Done(done) = wait(records, true).await else { panic!() };
    assert_eq!(done.output.answers, ["192.0.2.2"]);
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_waited_for_and_said() {
    let records = vec![("app.example.com.", a([192, 0, 2, 9])), ("lb.elb.example.net.", a([192, 0, 2, 1]))];
    assert_eq!(reason(wait(records, true).await), "leads to 192.0.2.9");
    let records = vec![("app.example.com.", cname("old.example.net.")), ("old.example.net.", a([192, 0, 2, 9]))];
    assert_eq!(reason(wait(records, true).await), "LB.elb.example.net: no such name");
}

#[tokio::test]
async fn a_person_is_asked_to_add_a_record_only_when_nobody_else_does() {
    let Answer::Pending(pending) = wait(vec![], false).await else { panic!() };
    assert_eq!(pending.reason, "no such name");
    let instructions = pending.instructions.unwrap();
    assert_eq!(instructions.values[2], ("value".to_owned(), "LB.elb.example.net".to_owned()));
    let Answer::Pending(pending) = wait(vec![], true).await else { panic!() };
    assert_eq!(pending.instructions, None);
}

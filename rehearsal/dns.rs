//! The DNS server: serves the records of the hosted zone over UDP.

use std::{
    net::{Ipv4Addr, SocketAddr},
    str::FromStr,
};

use hickory_proto::{
    op::{Message, OpCode, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, CNAME, NS},
    },
};
use serde::Deserialize;
use tokio::net::UdpSocket;

use crate::{RehearsalError, aws::Gateway};

const TIME_TO_LIVE_SECONDS: u32 = 1;
const ALIASES_MAX: usize = 8;

#[derive(Deserialize)]
struct Resolved {
    addresses: Vec<Ipv4Addr>,
    alias: Option<String>,
    #[serde(default)]
    name_servers: Vec<String>,
}

/// Serves on a free loopback port.
pub(crate) async fn serve(gateway: Gateway) -> Result<SocketAddr, RehearsalError> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.map_err(RehearsalError::io("the DNS server"))?;
    let address = socket.local_addr().map_err(RehearsalError::io("the DNS server"))?;
    tokio::spawn(async move {
        let mut buffer = [0_u8; 1_500];
        while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
            let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
            if let Ok(answer) = answer(&gateway, &question).await.to_vec() {
                let _ = socket.send_to(&answer, client).await;
            }
        }
    });
    Ok(address)
}

async fn answer(gateway: &Gateway, question: &Message) -> Message {
    let mut message = Message::response(question.metadata.id, OpCode::Query);
    message.metadata.recursion_desired = question.metadata.recursion_desired;
    message.metadata.recursion_available = true;
    let Some(query) = question.queries.first().cloned() else { return message };
    let (mut name, kind) = (query.name().clone(), query.query_type());
    message.add_query(query);
    let mut exists = false;
    for _ in 0..ALIASES_MAX {
        let text = name.to_utf8();
        let Some(found) = gateway.ask::<Resolved>(&format!("dns/{}", text.trim_end_matches('.'))).await else {
            message.metadata.response_code = ResponseCode::ServFail;
            return message;
        };
        exists |= found.alias.is_some() || !found.addresses.is_empty() || !found.name_servers.is_empty();
        if kind == RecordType::NS {
            for server in found.name_servers.iter().filter_map(|server| Name::from_str(&format!("{server}.")).ok()) {
                message.add_answer(Record::from_rdata(name.clone(), TIME_TO_LIVE_SECONDS, RData::NS(NS(server))));
            }
        }
        if kind == RecordType::A {
            for address in &found.addresses {
                message.add_answer(Record::from_rdata(name.clone(), TIME_TO_LIVE_SECONDS, RData::A(A(*address))));
            }
        }
        let Some(alias) = found.alias.and_then(|alias| Name::from_str(&format!("{alias}.")).ok()) else { break };
        message.add_answer(Record::from_rdata(name, TIME_TO_LIVE_SECONDS, RData::CNAME(CNAME(alias.clone()))));
        if kind == RecordType::CNAME {
            break;
        }
        name = alias;
    }
    if !exists {
        message.metadata.response_code = ResponseCode::NXDomain;
    }
    message
}

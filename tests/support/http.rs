//! A client for HTTP/1.1 on loopback.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// Sends a request. Returns the body of the answer, whose status must be 200.
fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> String {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut head = format!("{method} /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{method} {url}: {answer:?}"));
    assert_eq!(head.split(' ').nth(1), Some("200"), "{method} {url}: {answer}");
    body.to_owned()
}

pub fn get(url: &str) -> String {
    request("GET", url, &[], "")
}

pub fn put_orders(url: &str, orders: &str) {
    request("POST", url, &[], orders);
}

/// Calls an operation.
pub fn post(endpoint: &str, target: &str, body: &str) -> String {
    let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.0")];
    request("POST", &format!("{}/", endpoint.trim_end_matches('/')), &headers, body)
}

//! Address ranges and domain names.

use std::{fmt, net::Ipv4Addr, str::FromStr};

/// An IPv4 range in CIDR notation. The address in the notation is the first of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cidr {
    first: u32,
    pub prefix_length: u32,
}

impl Cidr {
    fn mask(prefix_length: u32) -> u32 {
        u32::MAX.checked_shl(32 - prefix_length).unwrap_or(0)
    }

    fn last(self) -> u32 {
        self.first | !Cidr::mask(self.prefix_length)
    }

    /// The range of a prefix length that contains `address`.
    pub fn around(address: Ipv4Addr, prefix_length: u32) -> Self {
        Cidr { first: u32::from(address) & Cidr::mask(prefix_length), prefix_length }
    }

    /// Whether this range contains all of `other`.
    pub fn contains(self, other: Cidr) -> bool {
        self.first <= other.first && other.last() <= self.last()
    }

    /// Whether the ranges have a common address.
    pub fn overlaps(self, other: Cidr) -> bool {
        self.first <= other.last() && other.first <= self.last()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.first), self.prefix_length)
    }
}

impl FromStr for Cidr {
    /// The problem, such as `has no /prefix length`.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, length) = text.split_once('/').ok_or("has no prefix length such as /16")?;
        let address: Ipv4Addr = address.parse().map_err(|_| "does not begin with an IPv4 address")?;
        let digits_only = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let prefix_length: u32 = length
            .parse()
            .ok()
            .filter(|length| digits_only && *length <= 32)
            .ok_or("has a prefix length that is not between 0 and 32")?;
        let range = Cidr::around(address, prefix_length);
        if u32::from(address) != range.first {
            return Err(format!("is not the first address of its range, which is {range}"));
        }
        Ok(range)
    }
}

/// The problem of `domain` as the name of a web site with a public certificate.
pub(crate) fn domain_problem(domain: &str) -> Option<&'static str> {
    if domain.contains("://") {
        return Some("begins with a scheme");
    }
    if domain.contains('/') {
        return Some("has a path");
    }
    if domain.contains(':') {
        return Some("has a port");
    }
    if domain.starts_with('*') {
        return Some("is a wildcard");
    }
    if domain.ends_with('.') {
        return Some("ends with a dot");
    }
    if domain.parse::<Ipv4Addr>().is_ok() {
        return Some("is an address, not a name");
    }
    if !domain.is_ascii() {
        return Some("has letters that DNS does not know (write its xn-- form)");
    }
    if !domain.contains('.') {
        return Some("has no dot");
    }
    if domain.len() > 253 {
        return Some("is longer than 253 characters");
    }
    if domain.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some("has capital letters");
    }
    let last_label = domain.rsplit('.').next().unwrap_or_default();
    if last_label.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("ends with a number");
    }
    domain.split('.').find_map(label_problem)
}

fn label_problem(label: &str) -> Option<&'static str> {
    if label.is_empty() {
        return Some("has two dots in a row, or begins with one");
    }
    if label.len() > 63 {
        return Some("has a part longer than 63 characters");
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Some("has a part that begins or ends with a hyphen");
    }
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !label.bytes().all(allowed) {
        return Some("has characters that a domain cannot have");
    }
    None
}

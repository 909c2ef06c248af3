//! UUIDs, which the API generates as names where a request has none, as AWS does.

use std::time::UNIX_EPOCH;

/// A new UUID, the form of the names that AWS generates. It begins with the time: the records of executions that start together are
/// neighbours in the index. With random names each record would change another node of the index.
pub(crate) fn new_uuid() -> String {
    uuid_at(UNIX_EPOCH.elapsed().unwrap_or_default().as_millis(), rand::random())
}

/// Version 7, variant 1 (RFC 9562, 5.7): 48 bits of milliseconds since the Unix epoch, then 74 random bits.
fn uuid_at(time_ms: u128, random: u128) -> String {
    let random = random & !(u128::MAX << 80) & !(0xf << 76 | 0x3 << 62);
    let hex = format!("{:032x}", time_ms << 80 | 0x7 << 76 | 0x2 << 62 | random);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_uuid_has_its_version_and_sorts_by_its_time() {
        // The time of RFC 9562, A.6, with all random bits clear or set.
        assert_eq!(uuid_at(0x017F_22E2_79B0, 0), "017f22e2-79b0-7000-8000-000000000000");
        assert_eq!(uuid_at(0x017F_22E2_79B0, u128::MAX), "017f22e2-79b0-7fff-bfff-ffffffffffff");
        assert!(uuid_at(1, u128::MAX) < uuid_at(2, 0));
        assert_ne!(new_uuid(), new_uuid());
    }
}

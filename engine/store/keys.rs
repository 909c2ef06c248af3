//! Where each record lies. Ids hold no NUL, so a prefix with one behind the id is that execution's alone.

pub(super) const FORMAT: &[u8] = b"m/format";

pub(super) fn headers() -> Vec<u8> {
    b"h/".to_vec()
}

pub(super) fn header(id: &str) -> Vec<u8> {
    [b"h/", id.as_bytes()].concat()
}

pub(super) fn origin(id: &str) -> Vec<u8> {
    [b"o/", id.as_bytes()].concat()
}

pub(super) fn definition(hash: &str) -> Vec<u8> {
    [b"d/", hash.as_bytes()].concat()
}

pub(super) fn frames(id: &str) -> Vec<u8> {
    [b"f/", id.as_bytes(), b"\0"].concat()
}

pub(super) fn frame(id: &str, frame: u64) -> Vec<u8> {
    [&frames(id)[..], &frame.to_be_bytes()].concat()
}

pub(super) fn entries(id: &str) -> Vec<u8> {
    [b"j/", id.as_bytes(), b"\0"].concat()
}

pub(super) fn entry(id: &str, sequence: u64) -> Vec<u8> {
    [&entries(id)[..], &sequence.to_be_bytes()].concat()
}

pub(super) fn document(name: &str) -> Vec<u8> {
    [b"n/", name.as_bytes()].concat()
}

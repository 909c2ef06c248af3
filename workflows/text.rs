//! Reads the texts of people, definitions and inputs, up to a limit.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The largest text, in bytes: 16 times the definition that Step Functions accepts, for files with comments and anchors.
pub(crate) const TEXT_BYTES_MAX: u64 = 16 << 20;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reads a text up to its end. Drops a byte order mark.
///
/// # Errors
/// The source's; [`io::ErrorKind::FileTooLarge`] above 16 MiB; [`io::ErrorKind::InvalidData`] if it is not UTF-8.
pub fn read_text(source: impl Read) -> io::Result<String> {
    read_text_up_to(TEXT_BYTES_MAX, source)
}

/// Reads a text as [`read_text`] does, with another limit. No more than the limit is read, also of a device or a pipe without end.
///
/// # Errors
/// As [`read_text`].
pub fn read_text_up_to(bytes_max: u64, source: impl Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(bytes_max + 1).read_to_string(&mut text)?;
    if text.len() as u64 > bytes_max {
        let message = format!("it has more than {} MiB", bytes_max >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// Reads a file: see [`read_text`].
///
/// # Errors
/// As [`read_text`].
pub fn read_text_file(path: impl AsRef<Path>) -> io::Result<String> {
    File::open(path).and_then(read_text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::{self, Read};

    use super::{TEXT_BYTES_MAX, read_text, read_text_up_to};

    #[test]
    fn a_text_is_read_up_to_its_limit_and_without_a_byte_order_mark() {
        assert_eq!(read_text("\u{feff}{}".as_bytes()).unwrap(), "{}");
        let endless = || io::repeat(b' ');
        assert_eq!(read_text(endless().take(TEXT_BYTES_MAX)).unwrap().len() as u64, TEXT_BYTES_MAX);
        assert_eq!(read_text(endless()).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        let refused = read_text_up_to(1 << 20, endless()).unwrap_err();
        assert_eq!(refused.to_string(), "it has more than 1 MiB");
        assert_eq!(read_text(&b"\xff"[..]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}

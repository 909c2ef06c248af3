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
/// As [`open_text_file`] and [`read_text`].
pub fn read_text_file(path: impl AsRef<Path>) -> io::Result<String> {
    open_text_file(path).and_then(read_text)
}

/// Opens a file that a person names. Files that this process has open already, such as `<(command)` of a shell, may be pipes.
///
/// # Errors
/// It does not exist, cannot be opened, or is a named pipe, a socket or a device: opening a named pipe would wait for its writer.
pub fn open_text_file(path: impl AsRef<Path>) -> io::Result<File> {
    let path = path.as_ref();
    let kind = std::fs::metadata(path)?;
    let is_open = ["/dev/fd", "/dev/stdin", "/proc/self/fd"].iter().any(|open| path.starts_with(open));
    // Reading a folder fails with the system's own words.
    if kind.is_file() || kind.is_dir() || is_open {
        return File::open(path);
    }
    Err(io::Error::other("it is a named pipe, a socket or a device: write its content to a file, and name that"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::{self, Read};

    use super::{TEXT_BYTES_MAX, open_text_file, read_text, read_text_file, read_text_up_to};

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

    #[test]
    fn a_named_pipe_and_a_device_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), std::path::Path::new("/dev/zero")] {
            assert!(read_text_file(path).unwrap_err().to_string().starts_with("it is a named pipe"), "{path:?}");
        }
        let file = folder.path().join("file");
        std::fs::write(&file, "text").unwrap();
        assert_eq!(read_text_file(&file).unwrap(), "text");
        assert_eq!(open_text_file(folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

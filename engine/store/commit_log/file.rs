//! The operations of a log on a file.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

static SYNCHRONIZATIONS: AtomicU64 = AtomicU64::new(0);

/// The number of times that this process has synchronized a file or waited for sled to do it.
pub fn synchronizations() -> u64 {
    SYNCHRONIZATIONS.load(Ordering::Relaxed)
}

pub(in crate::store) fn count_synchronization() {
    SYNCHRONIZATIONS.fetch_add(1, Ordering::Relaxed);
}

/// A file. A simulation replaces it by one that loses and tears unsynchronized writes.
pub trait LogFile: Send + 'static {
    /// Its length in bytes.
    ///
    /// # Errors
    /// The disk's.
    fn length(&mut self) -> io::Result<u64>;

    /// Fills `bytes` from an offset.
    ///
    /// # Errors
    /// The disk's; the file is too short.
    fn read(&mut self, offset_bytes: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// The complete content.
    ///
    /// # Errors
    /// The disk's.
    fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.length()? as usize];
        self.read(0, &mut bytes)?;
        Ok(bytes)
    }

    /// Writes at an offset; the file grows if necessary. Durable after [`LogFile::synchronize`].
    ///
    /// # Errors
    /// The disk's.
    fn write(&mut self, offset_bytes: u64, bytes: &[u8]) -> io::Result<()>;

    /// Truncates the file. Durable after [`LogFile::synchronize`].
    ///
    /// # Errors
    /// The disk's.
    fn shorten(&mut self, length_bytes: u64) -> io::Result<()>;

    /// Returns when all writes and the length are durable.
    ///
    /// # Errors
    /// The disk's.
    fn synchronize(&mut self) -> io::Result<()>;
}

/// A file on disk.
#[derive(Debug)]
pub struct DiskFile(File);

impl DiskFile {
    /// Opens a file, or creates it (mode 0600) with a durable entry in its folder.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(path: &Path) -> io::Result<Self> {
        let new = !path.exists();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        if let (true, Some(folder)) = (new, path.parent()) {
            File::open(folder)?.sync_all()?;
        }
        Ok(DiskFile(file))
    }
}

impl LogFile for DiskFile {
    fn length(&mut self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read(&mut self, offset_bytes: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(bytes, offset_bytes)
    }

    // Without zeroing the buffer first, which takes as long as the read.
    fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.length()? as usize + 1);
        self.0.rewind()?;
        self.0.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&mut self, offset_bytes: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset_bytes)
    }

    fn shorten(&mut self, length_bytes: u64) -> io::Result<()> {
        self.0.set_len(length_bytes)
    }

    fn synchronize(&mut self) -> io::Result<()> {
        count_synchronization();
        self.0.sync_data()
    }
}

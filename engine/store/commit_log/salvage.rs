//! Reads a log that cannot be opened.

use super::{FoundFile, LogFile, NAME, StoreError, header, read_frames};

/// The frames after `checkpoint` up to the first unreadable one, and the damage. Writes nothing.
pub(in crate::store) fn salvage(
    mut files: [Box<dyn LogFile>; 2],
    checkpoint: Option<u64>,
) -> (Vec<FoundFile>, Vec<StoreError>) {
    let (mut generations, mut problems) = (Vec::new(), Vec::new());
    for (index, file) in files.iter_mut().enumerate() {
        match header::read(file.as_mut(), NAME) {
            Ok(header) => generations.extend(header.map(|header| (index, header))),
            Err(problem) => problems.push(problem),
        }
    }
    generations.sort_by_key(|(_, header)| header.first_sequence);
    let mut next_sequence = checkpoint.unwrap_or_default() + 1;
    let mut found = Vec::new();
    for (index, header) in generations {
        let (file, damage) = match read_frames(files[index].as_mut(), &header, next_sequence) {
            Ok((file, _, damage)) => (file, damage),
            Err(problem) => {
                problems.push(problem);
                break;
            }
        };
        // The commits after a missing one were never acknowledged.
        if file.frames.first().is_some_and(|(first, _)| *first > next_sequence) {
            problems.extend(damage);
            break;
        }
        next_sequence = file.last_sequence().map_or(next_sequence, |last| last + 1);
        found.push(file);
        if let Some(damage) = damage {
            problems.push(damage);
            break;
        }
    }
    (found, problems)
}

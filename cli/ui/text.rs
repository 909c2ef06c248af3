//! Formats times, durations and ids for people.

/// A duration: `0.8s`, `42s`, `2m04s`, `1h03m`.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..10 => format!("{}.{}s", seconds, ms % 1000 / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

fn zoned(epoch_ms: u64) -> jiff::Zoned {
    let timestamp = i64::try_from(epoch_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    timestamp.unwrap_or_default().to_zoned(jiff::tz::TimeZone::system())
}

/// The time of day: `12:08:03`.
pub fn clock(epoch_ms: u64) -> String {
    zoned(epoch_ms).strftime("%H:%M:%S").to_string()
}

/// The time of day if it is near, else date and time.
pub fn moment(epoch_ms: u64, now_ms: u64) -> String {
    if epoch_ms.abs_diff(now_ms) < 12 * 3_600_000 {
        return clock(epoch_ms);
    }
    zoned(epoch_ms).strftime("%Y-%m-%d %H:%M").to_string()
}

/// The distinguishing end of an ARN; other ids unchanged.
pub fn short_id(id: &str) -> String {
    if !id.starts_with("arn:") {
        return id.to_owned();
    }
    let resource = id.splitn(6, ':').nth(5).unwrap_or(id);
    format!("…{resource}")
}

/// Shortens a text to a number of characters.
pub fn shortened(text: &str, characters_max: usize) -> String {
    match text.char_indices().nth(characters_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A word of a command line, quoted if a shell requires it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well_at_every_size() {
        let read: Vec<_> = [820, 42_000, 124_000, 3_780_000].into_iter().map(duration).collect();
        assert_eq!(read, ["0.8s", "42s", "2m04s", "1h03m"]);
    }

    #[test]
    fn a_word_survives_a_shell() {
        assert_eq!(quoted("Create-VPC_1"), "Create-VPC_1");
        assert_eq!(quoted("it's {\"a\": 1}"), r#"'it'\''s {"a": 1}'"#);
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn an_arn_is_shown_by_its_end() {
        assert_eq!(short_id("arn:aws:acm:eu-central-1:1:certificate/9d1f"), "…certificate/9d1f");
        assert_eq!(short_id("vpc-1"), "vpc-1");
    }
}

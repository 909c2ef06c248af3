//! Characters that a terminal obeys instead of showing.

/// Whether a character is a control character, or one of Unicode's directional formatting characters or separators of lines (UAX #9).
pub fn acts_on_terminal(c: char) -> bool {
    let directs = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || directs || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

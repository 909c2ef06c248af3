//! The person who answered a Task from outside.

use serde::{Deserialize, Serialize};

use super::note::cut;

/// The person who answered a Task, as reported by the program that they used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signaller {
    /// The user that the program ran as.
    pub user: String,
    /// The machine that it ran on.
    pub host: String,
    /// The person's comment on the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Signaller {
    /// The longest user and host, in characters.
    const NAME_CHARACTERS_MAX: usize = 256;
    /// The longest comment, in characters.
    const COMMENT_CHARACTERS_MAX: usize = 4_096;

    /// Truncates the texts to the limits of a journal.
    pub(crate) fn shortened(mut self) -> Self {
        cut(&mut self.user, Self::NAME_CHARACTERS_MAX);
        cut(&mut self.host, Self::NAME_CHARACTERS_MAX);
        if let Some(comment) = &mut self.comment {
            cut(comment, Self::COMMENT_CHARACTERS_MAX);
        }
        self
    }
}

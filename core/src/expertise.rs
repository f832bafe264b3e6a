//! What a mentor knows about, in the mentor's own words.

use alloc::string::String;

use crate::text::is_line_char;

/// The most that a mentor may name.
pub const MAX_NAMES: usize = 20;
/// The longest name, in characters.
const MAX_CHARS: usize = 60;

/// A name for what somebody knows about: trimmed, 1 to 60 characters, one line. Letters' case doesn't tell two apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExpertiseName(String);

validated_text!(ExpertiseName);

problems! {
    /// Why a text is no such name.
    pub enum ExpertiseError {
        /// Nothing was given.
        Required => "required", "Enter a name.";
        /// More than 60 characters.
        TooLong => "too_long", "Use at most 60 characters.";
        /// It has control characters, more than one line, or marks that reorder text.
        Invalid => "invalid_text", "Use one line of plain text.";
        /// There are more than 20.
        TooMany => "too_many", "Use at most 20 entries.";
    }
}

impl ExpertiseName {
    /// Reads a name; white space around it is dropped.
    ///
    /// # Errors
    /// See [`ExpertiseError`].
    pub fn parse(raw: &str) -> Result<Self, ExpertiseError> {
        let text = raw.trim();
        if text.is_empty() {
            Err(ExpertiseError::Required)
        } else if text.chars().count() > MAX_CHARS {
            Err(ExpertiseError::TooLong)
        } else if !text.chars().all(is_line_char) {
            Err(ExpertiseError::Invalid)
        } else {
            Ok(Self(text.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names() {
        assert_eq!(ExpertiseName::parse(" Go-to-market ").unwrap().as_str(), "Go-to-market");
        assert!(ExpertiseName::parse(&"é".repeat(60)).is_ok());
        assert_eq!(ExpertiseName::parse(&"é".repeat(61)), Err(ExpertiseError::TooLong));
        assert_eq!(ExpertiseName::parse(" "), Err(ExpertiseError::Required));
        assert_eq!(ExpertiseName::parse("a\nb"), Err(ExpertiseError::Invalid));
    }
}

//! Free text in one line or several, and which characters such a text may have.

use alloc::string::String;
use core::fmt;

use crate::error::Problem;

/// Whether a character may stand in a line of text that others will read.
///
/// Not: control characters, the line and paragraph separators, and the marks that reorder text (Unicode's explicit
/// bidirectional formatting), by which a name can pretend to be another one.
pub(crate) fn is_line_char(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Optional free text such as a department: trimmed, at most `MAX` characters, one line. It may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ShortText<const MAX: usize>(String);

/// Why a text is no [`ShortText`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextError {
    /// It has more characters than it may have.
    TooLong {
        /// How many it may have.
        max: usize,
    },
    /// It has control characters, more than one line, or marks that reorder text.
    Invalid,
}

impl TextError {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too_long",
            Self::Invalid => "invalid_text",
        }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { max } => write!(f, "Use at most {max} characters."),
            Self::Invalid => f.write_str("Use one line of plain text."),
        }
    }
}

impl core::error::Error for TextError {}

impl Problem for TextError {
    fn code(&self) -> &'static str {
        Self::code(*self)
    }
}

impl<const MAX: usize> ShortText<MAX> {
    /// Reads a text; white space around it is dropped.
    ///
    /// # Errors
    /// See [`TextError`].
    pub fn parse(raw: &str) -> Result<Self, TextError> {
        let text = raw.trim();
        if text.chars().count() > MAX {
            return Err(TextError::TooLong { max: MAX });
        }
        if !text.chars().all(is_line_char) {
            return Err(TextError::Invalid);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<const MAX: usize> fmt::Display for ShortText<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> serde::Serialize for ShortText<MAX> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Optional free text of several lines such as what somebody says of oneself: trimmed, at most `MAX` characters, line
/// breaks as `\n`. It may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LongText<const MAX: usize>(String);

impl<const MAX: usize> LongText<MAX> {
    /// Reads a text; white space around it is dropped.
    ///
    /// # Errors
    /// See [`TextError`]; lines and tabs are allowed.
    pub fn parse(raw: &str) -> Result<Self, TextError> {
        let text = raw.trim().replace("\r\n", "\n");
        if text.chars().count() > MAX {
            return Err(TextError::TooLong { max: MAX });
        }
        if !text.chars().all(|c| is_line_char(c) || matches!(c, '\n' | '\t')) {
            return Err(TextError::Invalid);
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for LongText<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn trims_and_counts_characters() {
        assert_eq!(ShortText::<5>::parse("  Größe ").unwrap().as_str(), "Größe");
        assert_eq!(ShortText::<5>::parse("Größen"), Err(TextError::TooLong { max: 5 }));
        assert_eq!(TextError::TooLong { max: 5 }.to_string(), "Use at most 5 characters.");
        assert!(ShortText::<5>::parse("   ").unwrap().is_empty());
    }

    #[test]
    fn several_lines_are_several_lines() {
        let text = LongText::<20>::parse(" One\r\n\ttwo\n ").unwrap();
        assert_eq!(text.as_str(), "One\n\ttwo");
        assert_eq!(LongText::<3>::parse("Gr\nö"), Err(TextError::TooLong { max: 3 }));
        for text in ["a\rb", "a\u{0}b", "a\u{202e}b", "a\u{2028}b"] {
            assert_eq!(LongText::<9>::parse(text), Err(TextError::Invalid), "{text:?}");
        }
    }

    #[test]
    fn refuses_what_is_no_line() {
        for text in [
            "a\nb",
            "a\u{0}b",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{2028}b",
            "a\u{7f}b",
            "a\u{85}b",
        ] {
            assert_eq!(ShortText::<9>::parse(text), Err(TextError::Invalid), "{text:?}");
        }
    }
}

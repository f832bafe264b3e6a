//! What people look for in a list.

use alloc::string::String;

use crate::text::is_line_char;

/// A part of a name or an address: 2 to 100 characters, one line. No character of it means anything special.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText(String);

validated_text!(SearchText);

problems! {
    /// Why a text can't be looked for.
    pub enum SearchError {
        /// Fewer than 2 characters.
        TooShort => "too_short", "Use at least 2 characters.";
        /// More than 100 characters.
        TooLong => "too_long", "Use at most 100 characters.";
        /// It has control characters, more than one line, or marks that reorder text.
        Invalid => "invalid_text", "Use one line of plain text.";
    }
}

impl SearchText {
    /// Reads a text; white space around it is dropped.
    ///
    /// # Errors
    /// See [`SearchError`].
    pub fn parse(raw: &str) -> Result<Self, SearchError> {
        let text = raw.trim();
        match text.chars().count() {
            0 | 1 => Err(SearchError::TooShort),
            101.. => Err(SearchError::TooLong),
            _ if !text.chars().all(is_line_char) => Err(SearchError::Invalid),
            _ => Ok(Self(text.into())),
        }
    }

    /// The pattern for SQL's `LIKE`, with `\` as its escape, that finds the text anywhere.
    pub fn pattern(&self) -> String {
        let mut pattern = String::from("%");
        for character in self.0.chars() {
            if matches!(character, '\\' | '%' | '_') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('%');
        pattern
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_for_exactly_what_it_says() {
        for (text, pattern) in [
            (" ann ", "%ann%"),
            ("100%", r"%100\%%"),
            ("a_b", r"%a\_b%"),
            (r"\%_", r"%\\\%\_%"),
            ("李明", "%李明%"),
        ] {
            assert_eq!(SearchText::parse(text).unwrap().pattern(), pattern);
        }
    }

    #[test]
    fn has_a_length() {
        for text in ["", "a", " a "] {
            assert_eq!(SearchText::parse(text), Err(SearchError::TooShort));
        }
        assert!(SearchText::parse(&"é".repeat(100)).is_ok());
        assert_eq!(SearchText::parse(&"é".repeat(101)), Err(SearchError::TooLong));
        assert_eq!(SearchText::parse("a\u{0}b"), Err(SearchError::Invalid));
    }
}

//! Names of people.

use alloc::string::String;

use crate::text::is_line_char;

/// The longest name, in characters.
const MAX_CHARS: usize = 100;

/// A person's name as the person writes it: trimmed, 1 to 100 characters, one line. Nothing more is known of names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PersonName(String);

validated_text!(PersonName);

problems! {
    /// Why a text is no name.
    pub enum NameError {
        /// Nothing was given.
        Required => "required", "Enter a name.";
        /// More than 100 characters.
        TooLong => "too_long", "Use at most 100 characters.";
        /// It has control characters, more than one line, or marks that reorder text.
        Invalid => "invalid_name", "Use one line of plain text.";
    }
}

impl PersonName {
    /// Reads a name; white space around it is dropped.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn parse(raw: &str) -> Result<Self, NameError> {
        let text = raw.trim();
        if text.is_empty() {
            Err(NameError::Required)
        } else if text.chars().count() > MAX_CHARS {
            Err(NameError::TooLong)
        } else if !text.chars().all(is_line_char) {
            Err(NameError::Invalid)
        } else {
            Ok(Self(text.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_names_as_they_are() {
        for text in ["Ada", "李", "Renée O’Connor-Núñez", "X Æ A-12", "ʻAkaʻaka"] {
            assert_eq!(PersonName::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(PersonName::parse("\u{3000}Ada ").unwrap().as_str(), "Ada");
        assert!(PersonName::parse(&"é".repeat(100)).is_ok());
    }

    #[test]
    fn refuses_what_is_no_name() {
        assert_eq!(PersonName::parse(" \n"), Err(NameError::Required));
        assert_eq!(PersonName::parse(&"é".repeat(101)), Err(NameError::TooLong));
        assert_eq!(PersonName::parse("Ada\r\nBcc: x"), Err(NameError::Invalid));
        assert_eq!(PersonName::parse("Ada\u{202e}nimda"), Err(NameError::Invalid));
    }
}

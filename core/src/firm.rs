//! Firms.

use alloc::string::String;

use crate::text::is_line_char;

/// A firm's short name in addresses: 1 to 63 of `a-z`, `0-9` and `-`, with no `-` at either end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(String);

validated_text!(Slug);

problems! {
    /// Why a text is no slug.
    pub enum SlugError {
        /// Nothing was given.
        Required => "required", "Enter a firm.";
        /// Not a slug.
        Invalid => "invalid_slug", "Use lower-case letters, digits and hyphens.";
    }
}

/// The longest name of a firm, in characters.
const MAX_NAME_CHARS: usize = 100;

/// What a firm is called: trimmed, 1 to 100 characters, one line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FirmName(String);

validated_text!(FirmName);

problems! {
    /// Why a text is no firm's name.
    pub enum FirmNameError {
        /// Nothing was given.
        Required => "required", "Enter a name.";
        /// More than 100 characters.
        TooLong => "too_long", "Use at most 100 characters.";
        /// It has control characters, more than one line, or marks that reorder text.
        Invalid => "invalid_name", "Use one line of plain text.";
    }
}

impl FirmName {
    /// Reads a name; white space around it is dropped.
    ///
    /// # Errors
    /// See [`FirmNameError`].
    pub fn parse(raw: &str) -> Result<Self, FirmNameError> {
        let text = raw.trim();
        if text.is_empty() {
            Err(FirmNameError::Required)
        } else if text.chars().count() > MAX_NAME_CHARS {
            Err(FirmNameError::TooLong)
        } else if !text.chars().all(is_line_char) {
            Err(FirmNameError::Invalid)
        } else {
            Ok(Self(text.into()))
        }
    }
}

words! {
    /// Whether people can join a firm.
    pub enum FirmStatus {
        /// They can.
        Active => "active",
        /// They can't.
        Inactive => "inactive",
    }
}

impl Slug {
    /// Reads a slug; white space around it is dropped.
    ///
    /// # Errors
    /// See [`SlugError`].
    pub fn parse(raw: &str) -> Result<Self, SlugError> {
        let text = raw.trim();
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if text.is_empty() {
            Err(SlugError::Required)
        } else if plain && text.len() <= 63 && !text.starts_with('-') && !text.ends_with('-') {
            Ok(Self(text.into()))
        } else {
            Err(SlugError::Invalid)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names() {
        assert_eq!(FirmName::parse(" Größe & Söhne ").unwrap().as_str(), "Größe & Söhne");
        assert!(FirmName::parse(&"é".repeat(100)).is_ok());
        assert_eq!(FirmName::parse("\t"), Err(FirmNameError::Required));
        assert_eq!(FirmName::parse(&"é".repeat(101)), Err(FirmNameError::TooLong));
        assert_eq!(FirmName::parse("A\u{202e}B"), Err(FirmNameError::Invalid));
    }

    #[test]
    fn reads_slugs() {
        for text in ["a", "acme", "acme-2", "0", &"a".repeat(63)] {
            assert_eq!(Slug::parse(text).unwrap().as_str(), text);
        }
        for text in ["-", "-a", "a-", "Acme", "a_b", "a b", "ä", &"a".repeat(64)] {
            assert_eq!(Slug::parse(text), Err(SlugError::Invalid), "{text}");
        }
        assert_eq!(Slug::parse(" "), Err(SlugError::Required));
    }
}

//! Firms.

use alloc::string::String;

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

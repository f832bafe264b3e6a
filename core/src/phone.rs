//! Telephone numbers.

use alloc::string::String;

/// A telephone number: an optional leading `+` and 7 to 15 digits (ITU-T E.164 allows 15), without separators.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Phone(String);

validated_text!(Phone);

problems! {
    /// Why a text is no telephone number.
    pub enum PhoneError {
        /// Nothing was given.
        Required => "required", "Enter a telephone number.";
        /// Not a telephone number.
        Invalid => "invalid_phone", "Enter a valid telephone number, such as +49 30 1234567.";
    }
}

impl Phone {
    /// Reads a number; spaces, hyphens, dots and parentheses are dropped.
    ///
    /// # Errors
    /// See [`PhoneError`].
    pub fn parse(raw: &str) -> Result<Self, PhoneError> {
        let text = raw.trim();
        if text.is_empty() {
            return Err(PhoneError::Required);
        }
        // The longest number, each digit with separators around it, stays below this.
        if text.len() > 64 {
            return Err(PhoneError::Invalid);
        }
        let compact: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')'))
            .collect();
        let digits = compact.strip_prefix('+').unwrap_or(&compact);
        if (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(compact))
        } else {
            Err(PhoneError::Invalid)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_separators() {
        assert_eq!(Phone::parse(" +49 (30) 123-45.67 ").unwrap().as_str(), "+49301234567");
        assert_eq!(Phone::parse("0301234567").unwrap().as_str(), "0301234567");
        assert_eq!(Phone::parse("(+1) 555 0100").unwrap().as_str(), "+15550100");
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "123456",
            "1234567890123456",
            "+",
            "12+34567",
            "++1234567",
            "call me",
            "１２３４５６７",
            "1234567x1",
        ] {
            assert_eq!(Phone::parse(text), Err(PhoneError::Invalid), "{text}");
        }
        assert_eq!(Phone::parse("  "), Err(PhoneError::Required));
    }
}

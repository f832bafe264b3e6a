//! E-mail addresses.

use alloc::string::String;

/// The longest address (RFC 5321, section 4.5.3.1.3, less the angle brackets).
const MAX_BYTES: usize = 254;
/// The longest local part (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;
/// The longest domain label (RFC 1035, section 2.3.4).
const MAX_LABEL_BYTES: usize = 63;

/// A valid address, trimmed and in lower case.
///
/// ASCII, a dot-atom before the `@` (RFC 5322, section 3.2.3: no quotes, no comments) and a domain with a dot after it;
/// an internationalised domain is given in punycode. The part before the `@` is folded too: RFC 5321 leaves its case to
/// the receiving host, but no host in use tells them apart, and two accounts that differ in case are a trap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

validated_text!(Email);

problems! {
    /// Why a text is no address.
    pub enum EmailError {
        /// Nothing was given.
        Required => "required", "Enter an e-mail address.";
        /// Longer than an address can be.
        TooLong => "too_long", "This e-mail address is too long.";
        /// Not an address.
        Invalid => "invalid_email", "Enter a valid e-mail address.";
    }
}

impl Email {
    /// Reads an address; white space around it is dropped.
    ///
    /// # Errors
    /// See [`EmailError`].
    pub fn parse(raw: &str) -> Result<Self, EmailError> {
        let text = raw.trim();
        if text.is_empty() {
            return Err(EmailError::Required);
        }
        if text.len() > MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        match text.split_once('@') {
            Some((local, domain)) if is_local_part(local) && is_domain(domain) => Ok(Self(text.to_ascii_lowercase())),
            _ => Err(EmailError::Invalid),
        }
    }

    /// What stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.split_once('@').map_or("", |(local, _)| local)
    }

    /// What stands after the `@`.
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

fn is_local_part(text: &str) -> bool {
    text.len() <= MAX_LOCAL_BYTES
        && text
            .split('.')
            .all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

/// The characters of an atom (RFC 5322, section 3.2.3).
fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// At least two labels, the last of which isn't a number: `10.0.0.1` is an address of another kind.
fn is_domain(text: &str) -> bool {
    let Some((_, top)) = text.rsplit_once('.') else {
        return false;
    };
    text.split('.').all(is_label) && !top.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_label(text: &str) -> bool {
    let fits = (1..=MAX_LABEL_BYTES).contains(&text.len());
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    fits && plain && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn trims_and_folds() {
        let email = Email::parse("  Ada.Lovelace+Notes@Example.CO.uk\n").unwrap();
        assert_eq!(email.as_str(), "ada.lovelace+notes@example.co.uk");
        assert_eq!(
            (email.local_part(), email.domain()),
            ("ada.lovelace+notes", "example.co.uk")
        );
    }

    #[test]
    fn takes_what_is_valid() {
        for text in [
            "a@b.co",
            "o'brien@example.com",
            "x@xn--bcher-kva.example",
            "a_b-c@1.example",
            "a@a-b.c3",
        ] {
            assert!(Email::parse(text).is_ok(), "{text}");
        }
        let longest_local = format!("{}@example.com", "a".repeat(64));
        assert!(Email::parse(&longest_local).is_ok());
    }

    #[test]
    fn refuses_what_is_not() {
        for text in [
            "a",
            "@",
            "a@",
            "@b.co",
            "a@b",
            "a@b.",
            "a@.co",
            "a@b..co",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.co",
            "a b@c.co",
            "a@b c.co",
            "a@@b.co",
            "a@b@c.co",
            "\"a\"@b.co",
            "a@-b.co",
            "a@b-.co",
            "a@10.0.0.1",
            "a@[10.0.0.1]",
            "ä@b.co",
            "a@bücher.example",
            "a@b.co,c@d.co",
            "Ada <a@b.co>",
            "a@b.co\r\nBcc: c@d.co",
            "a\u{0}@b.co",
        ] {
            assert_eq!(Email::parse(text), Err(EmailError::Invalid), "{text}");
        }
        assert_eq!(
            Email::parse(&format!("{}@example.com", "a".repeat(65))),
            Err(EmailError::Invalid)
        );
        assert_eq!(
            Email::parse(&format!("a@{}.com", "a".repeat(64))),
            Err(EmailError::Invalid)
        );
        assert_eq!(Email::parse(" \t"), Err(EmailError::Required));
    }

    #[test]
    fn knows_the_longest_address() {
        let label = "a".repeat(61);
        let longest = format!("{}@{label}.{label}.{label}.abc", "l".repeat(64));
        assert_eq!(longest.len(), 254);
        assert!(Email::parse(&longest).is_ok());
        assert_eq!(Email::parse(&format!("{longest}d")), Err(EmailError::TooLong));
        assert_eq!(EmailError::TooLong.code(), "too_long");
    }
}

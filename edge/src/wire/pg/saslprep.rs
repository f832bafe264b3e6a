//! SASLprep (RFC 4013): what SCRAM makes of a password before it hashes it, on both sides.
//!
//! Ours rather than the crate's own function, because of its NFKC: that is lent (see `doorward_core::unicode`). One step is left
//! out, the refusal of what mixes directions of writing (RFC 4013, section 2.4): its tables would be 5 kB of the Worker. It
//! makes a difference only to a password that mixes them and that NFKC changes; such a one is for PostgreSQL as it was typed.

use doorward_core::unicode::Unicode;
use stringprep::tables;
use zeroize::Zeroizing;

/// A password as PostgreSQL stores and compares it: by SASLprep, and as it is where SASLprep refuses it.
pub(super) fn saslprep(password: &str, unicode: Unicode) -> Zeroizing<String> {
    let prepared = if password.is_ascii() {
        None
    } else {
        prepare(password, unicode)
    };
    prepared.unwrap_or_else(|| Zeroizing::new(password.to_owned()))
}

/// SASLprep's other steps, in the order of RFC 4013, section 2; nothing when one of them refuses.
fn prepare(password: &str, unicode: Unicode) -> Option<Zeroizing<String>> {
    // A zero width space is in both tables, and for PostgreSQL a space.
    let mapped = password
        .chars()
        .map(|c| if tables::non_ascii_space_character(c) { ' ' } else { c })
        .filter(|&c| !tables::commonly_mapped_to_nothing(c));
    let mapped: Zeroizing<String> = Zeroizing::new(mapped.collect());
    let normal = Zeroizing::new((unicode.nfkc)(&mapped));
    let is_refused = |c| is_prohibited(c) || tables::unassigned_code_point(c);
    (!normal.contains(is_refused)).then_some(normal)
}

/// RFC 4013, section 2.3, by the names of RFC 3454's tables.
fn is_prohibited(c: char) -> bool {
    tables::non_ascii_space_character(c)
        || tables::ascii_control_character(c)
        || tables::non_ascii_control_character(c)
        || tables::private_use(c)
        || tables::non_character_code_point(c)
        || tables::inappropriate_for_plain_text(c)
        || tables::inappropriate_for_canonical_representation(c)
        || tables::change_display_properties_or_deprecated(c)
        || tables::tagging_character(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::unicode::TABLES;

    /// RFC 3454, section 6: what has a character that is read from right to left begins and ends with one, and has none that is
    /// read from left to right.
    fn is_one_way(text: &str) -> bool {
        let at_ends = text.starts_with(tables::bidi_r_or_al) && text.ends_with(tables::bidi_r_or_al);
        !text.contains(tables::bidi_r_or_al) || (at_ends && !text.contains(tables::bidi_l))
    }

    fn theirs(password: &str) -> String {
        stringprep::saslprep(password).map_or_else(|_| password.to_owned(), String::from)
    }

    #[test]
    fn every_character_is_prepared_as_the_crate_prepares_it() {
        for c in '\0'..=char::MAX {
            for password in [c.to_string(), format!("a{c}"), format!("\u{5d0}{c}\u{5d0}")] {
                let ours = saslprep(&password, TABLES);
                assert!(*ours == theirs(&password) || !is_one_way(&ours), "{password:?}");
            }
        }
    }

    #[test]
    fn a_password_is_prepared_as_the_server_does_it() {
        for (password, prepared) in [
            // RFC 4013, section 3.
            ("I\u{ad}X", "IX"),
            ("user", "user"),
            ("USER", "USER"),
            ("\u{aa}", "a"),
            ("\u{2168}", "IX"),
            ("a\u{a0}b", "a b"),
            // What is refused is taken as it is: prohibited, unknown to Unicode 3.2.
            ("\u{2168}\u{7}", "\u{2168}\u{7}"),
            ("\u{2168}\u{1f511}", "\u{2168}\u{1f511}"),
        ] {
            assert_eq!(*saslprep(password, TABLES), prepared);
        }
    }
}

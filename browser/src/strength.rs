//! How hard a password is to guess, roughly: advice for a meter, never a rule.
//!
//! It counts what isn't to be expected: a character that repeats the one before it, or goes on from it (`abc`, `321`), adds
//! next to nothing, and neither does one that was there already. Length outweighs kinds of characters, as it does for
//! those who guess.

/// What is refused below this is the policy's to say; here every password is at least 1 and at most 4.
pub(crate) fn of(password: &str) -> u8 {
    let mut points = 0;
    let mut seen: Vec<char> = Vec::new();
    let mut before: Option<char> = None;
    for character in password.chars() {
        let folded = character.to_ascii_lowercase();
        let goes_on = before.is_some_and(|before| u32::from(before).abs_diff(u32::from(folded)) <= 1);
        points += match (goes_on, seen.contains(&folded)) {
            (true, _) => 1,
            (false, true) => 2,
            (false, false) => 4,
        };
        seen.push(folded);
        before = Some(folded);
    }
    points += 4 * kinds(password).saturating_sub(1);
    match points {
        0..28 => 1,
        28..40 => 2,
        40..52 => 3,
        _ => 4,
    }
}

/// How many of four kinds of characters it has: letters, capitals, digits, and others.
fn kinds(password: &str) -> u32 {
    let has = |is: fn(char) -> bool| u32::from(password.chars().any(is));
    has(char::is_lowercase)
        + has(char::is_uppercase)
        + has(char::is_numeric)
        + has(|character| !character.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_and_surprise_count() {
        for (password, strength) in [
            ("aaaaaaaa", 1),
            ("abcdefgh", 1),
            ("hgfedcba", 1),
            ("qpwoeiru", 2),
            ("tr0ub4dor", 2),
            ("kX9#vQ2!pL", 4),
            ("correct horse battery staple", 4),
            ("密码学是一门有趣的科学", 3),
            ("", 1),
        ] {
            assert_eq!(of(password), strength, "{password}");
        }
    }

    #[test]
    fn more_is_never_less() {
        let long = "a quiet place by the sea";
        let strengths: Vec<u8> = (0..=long.len()).map(|end| of(&long[..end])).collect();
        assert!(strengths.is_sorted());
    }
}

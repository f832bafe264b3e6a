//! The core's validation as the pages' script sees it: the same parsers that the server asks, compiled for the browser.
//!
//! It knows no words: it answers with the stable codes of the core, and the page has the texts for them in its own
//! language. What is valid here can still be refused by the server, which knows more (a taken address, a breached
//! password); what is refused here is refused there, with the same codes.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod strength;
mod unicode;

use doorward_core::email::Email;
use doorward_core::error::{FieldProblem, Problem};
use doorward_core::firm::Slug;
use doorward_core::name::PersonName;
use doorward_core::password::{Password, PasswordProblem};
use doorward_core::phone::Phone;
use doorward_core::text::ShortText;
use wasm_bindgen::prelude::wasm_bindgen;

/// What is wrong with the value of a field: the core's codes in its order, with a space between them; empty when nothing
/// is, and for a kind that isn't known here.
///
/// `kind` is the field's `data-check`. `email` and `name` are what stands in those fields of the same form, for a
/// `new-password`, which must be neither; they count once they are valid, as on the server.
#[wasm_bindgen]
pub fn check(kind: &str, value: &str, email: &str, name: &str) -> String {
    match kind {
        "email" => code(Email::parse(value)),
        "name" => code(PersonName::parse(value)),
        "phone" => code(Phone::parse(value)),
        "slug" => code(Slug::parse(value)),
        "line" => code(ShortText::<100>::parse(value)),
        "new-password" if !value.is_empty() => {
            let problems = problems(value, email, name);
            let codes: Vec<_> = problems.into_iter().map(PasswordProblem::code).collect();
            codes.join(" ")
        }
        // One that was chosen long ago, perhaps elsewhere, is under no policy.
        "password" | "new-password" => code(present(value)),
        _ => String::new(),
    }
}

/// How hard a new password is to guess, for the meter beside the field: 0 is one that the policy refuses, 1 to 4 are
/// advice and nothing else.
#[wasm_bindgen]
pub fn strength(value: &str, email: &str, name: &str) -> u8 {
    if problems(value, email, name).is_empty() {
        strength::of(value)
    } else {
        0
    }
}

fn problems(value: &str, email: &str, name: &str) -> Vec<PasswordProblem> {
    let (email, name) = (Email::parse(email).ok(), PersonName::parse(name).ok());
    let not_like = [email.as_ref().map(Email::as_str), name.as_ref().map(PersonName::as_str)];
    let not_like: Vec<&str> = not_like.into_iter().flatten().collect();
    Password::new(value, &not_like, unicode::UNICODE)
        .err()
        .unwrap_or_default()
}

fn present(value: &str) -> Result<(), FieldProblem> {
    if value.is_empty() {
        Err(FieldProblem::Required)
    } else {
        Ok(())
    }
}

fn code<T, E: Problem>(result: Result<T, E>) -> String {
    result
        .err()
        .map_or_else(String::new, |problem| problem.code().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_the_cores() {
        for (kind, value, codes) in [
            ("email", "ada@example.com", ""),
            ("email", "ada@", "invalid_email"),
            ("email", " ", "required"),
            ("name", "Ada\nLovelace", "invalid_name"),
            ("phone", "call me", "invalid_phone"),
            ("slug", "Acme", "invalid_slug"),
            ("line", "", ""),
            ("password", "x", ""),
            ("password", "", "required"),
            ("new-password", "", "required"),
            ("new-password", "short", "too_short"),
            ("new-password", "correct horse", ""),
            ("no such kind", "x", ""),
        ] {
            assert_eq!(check(kind, value, "", ""), codes, "{kind} {value:?}");
        }
    }

    #[test]
    fn a_new_password_is_held_against_the_fields_beside_it() {
        assert_eq!(
            check("new-password", "ada", "ada@example.com", ""),
            "too_short like_you"
        );
        assert_eq!(check("new-password", "Ada Lovelace", "", "ada lovelace"), "like_you");
        // An address that isn't one is no address of anybody.
        assert_eq!(check("new-password", "ada lovelace", "ada lovelace", ""), "");
    }

    #[test]
    fn what_the_policy_refuses_has_no_strength() {
        assert_eq!(strength("password1", "", ""), 0);
        assert_eq!(strength("ada lovelace", "", "Ada Lovelace"), 0);
        assert!(strength("correct horse battery staple", "", "") > strength("aaaaaaab", "", ""));
    }
}

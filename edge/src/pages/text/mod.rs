//! Every word of the pages, one file a language. To add a language: a file like `en.rs`, a line in [`Words::of`], and
//! the language itself in [`Locale`]. The compiler then asks for every word.

mod de;
mod en;

use crate::error::Code;
use crate::json;
use crate::mail::locale::Locale;

/// Declares the words once; each language gives all of them.
macro_rules! words_of_pages {
    ($($name:ident)+) => {
        /// The words of the pages in one language. `{}` stands for what the page knows, such as the product's name.
        #[derive(Debug)]
        pub(crate) struct Words {
            /// Answers a refusal's code; none where the code's own sentence will do.
            code: fn(Code) -> Option<&'static str>,
            /// What is wrong with a field: `check.code` or `code`, and a sentence.
            problems: &'static [(&'static str, &'static str)],
            $(pub(crate) $name: &'static str,)+
        }
    };
}

words_of_pages! {
    // The frame.
    skip language language_name menu home sign_in sign_up sign_out account sessions error_prefix
    reveal reveal_password busy network optional
    // The fields.
    email new_email name password new_password current_password confirm_password password_hint email_hint remember
    phone department position role role_names
    strength_none strength_weak strength_fair strength_good strength_strong
    // Signing in and up.
    sign_in_title sign_in_lead forgot_link no_account have_account sign_up_title sign_up_lead invited_lead sign_up_button
    sign_out_title sign_out_lead sign_out_button stay
    // Who am I.
    welcome_title welcome_lead hello whoami verified unverified unverified_lead resend tier tier_names member_since
    last_login
    // Links from mail.
    verify_title verify_lead verify_button verify_failed_lead check_mail_title check_mail_lead resend_title resend_lead
    resend_button forgot_title forgot_lead forgot_button reset_title reset_lead reset_button reset_no_token
    // Sessions.
    sessions_title sessions_lead this_session session_started session_used end_session end_others only_session
    unknown_device device_on
    // The account.
    account_title change_password_title keep_others change_password_button change_email_title change_email_lead
    change_email_button delete_title delete_lead delete_button delete_summary
    // What was done.
    done_signed_out done_registered done_resent done_verified done_forgot done_reset done_password done_email
    done_deleted done_session done_sessions done_saved
    // What went wrong.
    not_found_title not_found_lead trouble_title trouble_lead limited_title limited_lead refused_title back_home
    try_again
    // The profile.
    profile avatar_url avatar_hint profile_title profile_lead save language_choice language_auto headline bio
    expertise expertise_hint availability availability_hint goals weekday weekday_names starts ends time_zone
    firm_label
    // Administration.
    admin done_invited done_user admin_title people search_hint search_button nobody_found next_page status
    status_names all_roles events firms user_title access_title end_all_sessions user_events no_events slug firm_name
    add_firm invite_title invite_button when what who details firm_status_names event_kind failed edit_firm
}

impl Words {
    /// The words of a language.
    pub(crate) fn of(locale: Locale) -> &'static Self {
        match locale {
            Locale::En => &en::WORDS,
            Locale::De => &de::WORDS,
        }
    }

    /// Why a request was refused.
    pub(crate) fn code(&self, code: Code) -> &'static str {
        (self.code)(code).unwrap_or_else(|| code.sentence())
    }

    /// What is wrong with a field that is checked as `check`; none for a problem that this language has no words for.
    pub(crate) fn problem(&self, check: &str, code: &str) -> Option<&'static str> {
        let find = |wanted: &str, dotted: bool| {
            let mut all = self.problems.iter();
            all.find(|(key, _)| match key.split_once('.') {
                Some((of, what)) => dotted && of == check && what == wanted,
                None => !dotted && *key == wanted,
            })
        };
        find(code, true).or_else(|| find(code, false)).map(|(_, text)| *text)
    }

    /// The same as JSON, for the checks in the browser.
    pub(crate) fn messages(&self) -> String {
        let mut json = serde_json::Map::new();
        let more = [
            ("strength_0", self.strength_none),
            ("strength_1", self.strength_weak),
            ("strength_2", self.strength_fair),
            ("strength_3", self.strength_good),
            ("strength_4", self.strength_strong),
            ("network", self.network),
        ];
        // The others only the server can find.
        let of_the_core = |key: &str| key.contains('.') || matches!(key, "required" | "mismatch");
        let problems = self.problems.iter().filter(|(key, _)| of_the_core(key));
        for (key, text) in problems.chain(&more) {
            json.insert((*key).to_owned(), (*text).into());
        }
        // `<` could end the script element that this stands in.
        json::text(&serde_json::Value::Object(json)).replace('<', "\\u003c")
    }

    /// The pairs of such a list, in their order.
    pub(crate) fn pairs(list: &'static str) -> Vec<(&'static str, &'static str)> {
        list.split(',').filter_map(|pair| pair.split_once('=')).collect()
    }

    /// A name among those that a word like `admin=Administrator,pm=...` lists; the key itself where it isn't listed.
    pub(crate) fn named<'a>(list: &'static str, key: &'a str) -> &'a str {
        let mut pairs = list.split(',').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == key).map_or(key, |(_, text)| text)
    }
}

/// Puts a value in the place of `{}`.
pub(crate) fn fill(text: &str, value: &str) -> String {
    text.replacen("{}", value, 1)
}

#[cfg(test)]
mod tests {
    use doorward_core::email::EmailError;
    use doorward_core::error::{FieldProblem, Problem};
    use doorward_core::firm::SlugError;
    use doorward_core::name::NameError;
    use doorward_core::password::PasswordProblem;
    use doorward_core::phone::PhoneError;

    use super::*;

    /// What the core can find wrong, with the check under which a page would find it.
    fn known() -> Vec<(&'static str, &'static str, String)> {
        fn all<P: Problem>(check: &'static str, problems: &[P]) -> Vec<(&'static str, &'static str, String)> {
            problems.iter().map(|p| (check, p.code(), p.to_string())).collect()
        }
        [
            all(
                "email",
                &[EmailError::Required, EmailError::TooLong, EmailError::Invalid],
            ),
            all("name", &[NameError::Required, NameError::TooLong, NameError::Invalid]),
            all("phone", &[PhoneError::Required, PhoneError::Invalid]),
            all("slug", &[SlugError::Required, SlugError::Invalid]),
            all(
                "new-password",
                &[
                    PasswordProblem::TooShort,
                    PasswordProblem::TooLong,
                    PasswordProblem::LikeYou,
                    PasswordProblem::Common,
                    PasswordProblem::Breached,
                ],
            ),
            all(
                "password",
                &[FieldProblem::Required, FieldProblem::Invalid, FieldProblem::Mismatch],
            ),
        ]
        .concat()
    }

    #[test]
    fn every_problem_has_words_in_every_language() {
        for locale in Locale::ALL {
            for (check, code, _) in known() {
                assert!(
                    Words::of(*locale).problem(check, code).is_some(),
                    "{locale}: {check}.{code}"
                );
            }
        }
    }

    #[test]
    fn english_says_what_the_api_says() {
        for (check, code, sentence) in known() {
            assert_eq!(
                Words::of(Locale::En).problem(check, code),
                Some(sentence.as_str()),
                "{check}.{code}"
            );
        }
    }

    #[test]
    fn every_language_knows_the_same_problems() {
        let keys = |locale| {
            Words::of(locale)
                .problems
                .iter()
                .map(|(key, _)| *key)
                .collect::<Vec<_>>()
        };
        for locale in Locale::ALL {
            assert_eq!(keys(*locale), keys(Locale::En), "{locale}");
        }
    }

    #[test]
    fn messages_are_json_that_ends_no_script() {
        for locale in Locale::ALL {
            let text = Words::of(*locale).messages();
            assert!(!text.contains('<'));
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(json["email.invalid_email"].is_string());
        }
    }

    #[test]
    fn a_list_of_names_answers_by_key() {
        let words = Words::of(Locale::En);
        assert_eq!(Words::named(words.role_names, "admin"), "Administrator");
        assert_eq!(Words::named(words.role_names, "gardener"), "gardener");
    }
}

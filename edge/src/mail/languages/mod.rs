//! The words of each mail, one file a language. To add one: a file like `en.rs`, a line here, and one in [`Locale`].

mod de;
mod en;

use super::locale::Locale;
use super::templates::{Facts, Template, Words};

/// The words of a mail in a language.
pub(super) fn words(locale: Locale, template: Template, facts: &Facts<'_>) -> Words {
    match locale {
        Locale::En => en::words(template, facts),
        Locale::De => de::words(template, facts),
    }
}

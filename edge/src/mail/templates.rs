//! What each mail says, and its two forms: HTML and plain text.
//!
//! The words are in `languages/`, one file a language; a new one is a file there, a line in `languages/mod.rs` and one
//! in [`Locale`]. The compiler then asks for every template. A mail is the same whenever it is written from the same row,
//! because the provider tells attempts apart by their text. There are two small forms for all mail, so they are plain
//! functions; everything that goes into the HTML goes through `escaped`.

use std::net::IpAddr;

use doorward_core::time::Time;
use doorward_core::token::one_time::Purpose;
use serde::Deserialize;

use super::device::Device;
use super::languages::words;
use super::locale::Locale;
use crate::extract::Json;

/// The kinds of mail, by their names in `mail_outbox.template`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// To a person's address: show that it is yours.
    EmailVerification,
    /// To a person who asked for a new password.
    PasswordReset,
    /// To a new address: show that it is yours.
    EmailChange,
    /// To the old address, when a change was asked for.
    EmailChangeNotice,
    /// To the old address, once the change took effect.
    EmailChanged,
    /// After the password was changed or reset.
    PasswordChanged,
    /// To the owner of an address that somebody tried to register, or to change to.
    AddressTaken,
    /// After a sign-in from a browser that wasn't seen before.
    NewDevice,
    /// To somebody who is asked to join a firm.
    Invitation,
    /// The same, to somebody who has an account already.
    InvitationTaken,
}

impl Template {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::EmailVerification,
        Self::PasswordReset,
        Self::EmailChange,
        Self::EmailChangeNotice,
        Self::EmailChanged,
        Self::PasswordChanged,
        Self::AddressTaken,
        Self::NewDevice,
        Self::Invitation,
        Self::InvitationTaken,
    ];

    /// The name in the outbox.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmailVerification => "email_verification",
            Self::PasswordReset => "password_reset",
            Self::EmailChange => "email_change",
            Self::EmailChangeNotice => "email_change_notice",
            Self::EmailChanged => "email_changed",
            Self::PasswordChanged => "password_changed",
            Self::AddressTaken => "address_taken",
            Self::NewDevice => "new_device",
            Self::Invitation => "invitation",
            Self::InvitationTaken => "invitation_taken",
        }
    }

    /// Reads the name in the outbox.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|template| template.as_str() == text)
    }

    /// What the token in its link is for; none where it has no such link.
    pub const fn purpose(self) -> Option<Purpose> {
        match self {
            Self::EmailVerification => Some(Purpose::EmailVerification),
            Self::PasswordReset => Some(Purpose::PasswordReset),
            Self::EmailChange => Some(Purpose::EmailChange),
            Self::Invitation => Some(Purpose::Invitation),
            Self::EmailChangeNotice
            | Self::EmailChanged
            | Self::PasswordChanged
            | Self::AddressTaken
            | Self::NewDevice
            | Self::InvitationTaken => None,
        }
    }

    /// The page that its button opens, below `PUBLIC_URL`; none where there is nothing to do.
    const fn page(self) -> Option<&'static str> {
        match self {
            Self::EmailVerification | Self::EmailChange => Some("/verify-email"),
            Self::PasswordReset => Some("/reset-password"),
            Self::PasswordChanged | Self::AddressTaken => Some("/forgot-password"),
            Self::EmailChangeNotice | Self::NewDevice => Some("/sessions"),
            Self::Invitation => Some("/register"),
            Self::InvitationTaken => Some("/login"),
            // The old address has no account any more.
            Self::EmailChanged => None,
        }
    }
}

/// Who sends: what is the same in every mail of a deployment.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// What the service is called (`PRODUCT_NAME`).
    pub product: &'a str,
    /// Where it is (`PUBLIC_URL`), without a slash at the end.
    pub site: &'a str,
}

/// A one-time token and the end of its life.
#[derive(Debug, Clone, Copy)]
pub struct Ticket<'a> {
    /// The token, in base64url.
    pub token: &'a str,
    /// Until when it works.
    pub until: Time,
}

/// `mail_outbox.params`: what the row says beside its columns. What is missing or of another type is left out of the mail.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Params {
    #[serde(deserialize_with = "lenient")]
    new_email: Option<String>,
    #[serde(deserialize_with = "lenient")]
    ip: Option<String>,
    #[serde(deserialize_with = "lenient")]
    user_agent: Option<String>,
    #[serde(deserialize_with = "lenient")]
    at: Option<String>,
    #[serde(deserialize_with = "lenient")]
    firm: Option<String>,
}

fn lenient<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Json::deserialize(deserializer)? {
        Json::Text(text) => Some(text),
        _ => None,
    })
}

/// What the words of a mail are chosen by.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// What the service is called.
    pub(super) product: &'a str,
    /// Until when the link works; `None` for mail without a token.
    pub(super) until: Option<Moment>,
    /// The new address, masked.
    pub(super) new_email: Option<String>,
    /// The device of a sign-in.
    pub(super) device: Device,
    /// The address of a sign-in.
    pub(super) ip: Option<IpAddr>,
    /// When it was.
    pub(super) at: Option<Moment>,
    /// What the firm is called that somebody is asked to join.
    pub(super) firm: Option<String>,
}

/// The words of a mail.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) subject: String,
    /// Before the button.
    pub(super) before: Vec<String>,
    /// The button's label; used where the template has a page.
    pub(super) button: &'static str,
    /// Behind the button.
    pub(super) after: Vec<String>,
    /// Introduces the link as text.
    pub(super) link: &'static str,
    /// The last line: who sends this.
    pub(super) footer: String,
}

/// A date and a time of the day in UTC, to be put together as a language does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) year: String,
    pub(super) month: String,
    pub(super) day: String,
    /// `18:00`
    pub(super) time: String,
}

impl Moment {
    fn of(time: Time) -> Self {
        let text = time.to_string();
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
        Self {
            year: part(0, 4),
            month: part(5, 7),
            day: part(8, 10),
            time: part(11, 16),
        }
    }
}

/// A mail, written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The subject line.
    pub subject: String,
    /// A whole HTML document.
    pub html: String,
    /// The same as plain text.
    pub text: String,
}

/// Writes a mail. `params` is the row's JSON; `ticket` is there exactly where [`Template::purpose`] is.
pub fn write(
    template: Template,
    locale: Locale,
    sender: Sender<'_>,
    params: &str,
    ticket: Option<Ticket<'_>>,
) -> Written {
    let params: Params = serde_json::from_slice(params.as_bytes()).unwrap_or_default();
    let facts = Facts {
        product: sender.product,
        until: ticket.map(|ticket| Moment::of(ticket.until)),
        new_email: params.new_email.as_deref().map(masked),
        device: params.user_agent.as_deref().map(Device::of).unwrap_or_default(),
        ip: params.ip.and_then(|text| text.parse().ok()),
        at: params.at.and_then(|text| Time::parse(&text).ok()).map(Moment::of),
        firm: params.firm,
    };
    let words = words(locale, template, &facts);
    let page = template.page().map(|page| match ticket {
        Some(ticket) => format!("{}{page}?token={}", sender.site, ticket.token),
        None => format!("{}{page}", sender.site),
    });
    let html = html(locale, &words, page.as_deref(), sender.site);
    let text = text(&words, page.as_deref(), sender.site);
    Written {
        subject: words.subject,
        html,
        text,
    }
}

/// `ann@example.com` as `a***@example.com`: enough for whoever knows it.
fn masked(email: &str) -> String {
    let (local, domain) = email.rsplit_once('@').unwrap_or((email, ""));
    let first = local.chars().next().map(String::from).unwrap_or_default();
    format!("{first}***@{domain}")
}

fn text(words: &Words, page: Option<&str>, site: &str) -> String {
    let mut blocks: Vec<String> = words.before.clone();
    if let Some(page) = page {
        blocks.push(format!("{}:\n{page}", words.button));
    }
    blocks.extend(words.after.iter().cloned());
    blocks.push(format!("-- \n{}\n{site}", words.footer));
    blocks.join("\n\n") + "\n"
}

/// Text in an element or in a quoted attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

const PARAGRAPH: &str = "margin:0 0 16px";
const SMALL: &str = "margin:0 0 16px;font-size:14px;word-break:break-word";
const BUTTON: &str = "display:inline-block;padding:12px 20px;border-radius:6px;background-color:#1a56b0;color:#ffffff;\
                      font-weight:600;text-decoration:none";

/// One column, the reader's own colours (light or dark) but for the button, no image, nothing loaded from anywhere.
fn html(locale: Locale, words: &Words, page: Option<&str>, site: &str) -> String {
    let paragraphs = |texts: &[String]| -> String {
        let paragraph = |text: &String| format!("<p style=\"{PARAGRAPH}\">{}</p>\n", escaped(text));
        texts.iter().map(paragraph).collect()
    };
    let subject = escaped(&words.subject);
    let action = page.map(escaped).map_or_else(String::new, |page| {
        format!(
            "<p style=\"margin:0 0 24px\"><a href=\"{page}\" style=\"{BUTTON}\">{}</a></p>\n\
             <p style=\"{SMALL}\">{}<br><a href=\"{page}\">{page}</a></p>\n",
            escaped(words.button),
            escaped(words.link),
        )
    });
    format!(
        "<!DOCTYPE html>\n<html lang=\"{locale}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\n<title>{subject}</title>\n</head>\n\
         <body style=\"margin:0;padding:24px 16px;font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;\
         font-size:16px;line-height:1.5\">\n\
         <div role=\"article\" aria-roledescription=\"email\" lang=\"{locale}\" style=\"max-width:560px;margin:0 auto\">\n\
         <h1 style=\"margin:0 0 16px;font-size:22px;line-height:1.3\">{subject}</h1>\n\
         {}{action}{}<hr style=\"margin:24px 0 16px;border:0;border-top:1px solid #808080\">\n\
         <p style=\"{SMALL}\">{}<br><a href=\"{site}\">{site}</a></p>\n</div>\n</body>\n</html>\n",
        paragraphs(&words.before),
        paragraphs(&words.after),
        escaped(&words.footer),
        site = escaped(site),
    )
}

#[cfg(test)]
mod tests;

//! Reads the mail that the gateway caught, and what was put into the outbox.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::data::Database;
use crate::http::Base;
use crate::shape::{keys_are, text};
use crate::stage::Stage;

/// In this time a mail is out, on a small and busy machine. It leaves after the reply, so it has to be waited for.
const DELIVERY: Duration = Duration::from_secs(30);

/// A mail as it was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Whom it is for.
    pub to: Vec<String>,
    /// Whom it is from.
    pub from: String,
    /// The subject.
    pub subject: String,
    /// The HTML form.
    pub html: String,
    /// The text form.
    pub text: String,
}

impl Mail {
    /// Reads what the Resend API takes.
    ///
    /// # Panics
    /// When something is missing.
    pub fn parse(value: &Value) -> Self {
        let to = match &value["to"] {
            Value::String(one) => vec![one.clone()],
            Value::Array(many) => many.iter().filter_map(|one| Some(one.as_str()?.to_owned())).collect(),
            other => panic!("to is {other}"),
        };
        Self {
            to,
            from: text(value, "from"),
            subject: text(value, "subject"),
            html: text(value, "html"),
            text: text(value, "text"),
        }
    }

    /// The address of the link that opens this page with a token, as it stands in the text.
    pub fn link(&self, page: &str) -> Option<String> {
        let mark = format!("/{page}?token=");
        let at = self.text.find(&mark)?;
        let start = self.text[..at].rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
        let end = self.text[at..]
            .find(char::is_whitespace)
            .map_or(self.text.len(), |length| at + length);
        Some(self.text[start..end].trim_matches(['<', '>', '(', ')']).to_owned())
    }

    /// The token in the link that opens this page.
    pub fn token(&self, page: &str) -> Option<String> {
        let link = self.link(page)?;
        Some(link.split_once("?token=")?.1.to_owned())
    }
}

/// Everybody's mailbox: the development mail endpoint of the gateway.
#[derive(Debug, Clone)]
pub struct Mailbox {
    gateway: Base,
}

impl Mailbox {
    /// Of the stage's stack.
    pub fn of(stage: &Stage) -> Self {
        Self {
            gateway: stage.stack.gateway.clone(),
        }
    }

    /// What arrived for this address so far, oldest first.
    ///
    /// # Panics
    /// When the gateway doesn't answer as documented.
    pub fn of_person(&self, email: &str) -> Vec<Mail> {
        let reply = self
            .gateway
            .call("GET", &format!("/emails?to={email}"))
            .send_unchecked();
        let body = reply.expect(200).json();
        keys_are(&body, &["data"]);
        let mut mails: Vec<_> = body["data"].as_array().expect("data").iter().map(Mail::parse).collect();
        mails.reverse();
        mails
    }

    /// Waits until `count` mails that `wanted` takes have arrived, and gives them back, oldest first.
    ///
    /// # Panics
    /// When fewer arrive in time, or more.
    pub fn wait(&self, email: &str, count: usize, wanted: impl Fn(&Mail) -> bool) -> Vec<Mail> {
        let started = Instant::now();
        loop {
            let late = started.elapsed() > DELIVERY;
            let all = self.of_person(email);
            let found: Vec<_> = all.iter().filter(|mail| wanted(mail)).cloned().collect();
            if found.len() >= count || late {
                assert_eq!(
                    found.len(),
                    count,
                    "mails of the kind for {email} within {DELIVERY:?}; all of them: {:?}",
                    all.iter().map(|mail| &mail.subject).collect::<Vec<_>>()
                );
                return found;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The token of the `count`th mail with a link to this page, which has to be the last so far.
    ///
    /// # Panics
    /// When it doesn't arrive.
    pub fn token(&self, email: &str, page: &str, count: usize) -> String {
        let mails = self.wait(email, count, |mail| mail.link(page).is_some());
        mails
            .last()
            .and_then(|mail| mail.token(page))
            .expect("a link to the page")
    }
}

/// A row of the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Posted {
    /// What it is about.
    pub template: String,
    /// Its language.
    pub locale: String,
    /// What became of it.
    pub status: String,
    /// How often it was tried.
    pub attempts: i32,
}

impl Database {
    /// What was put into the outbox for an address, oldest first. It is there when the reply is: whoever has no row gets
    /// no mail.
    pub fn outbox(&mut self, email: &str) -> Vec<Posted> {
        let rows = self.query(
            "SELECT template, locale, status, attempts FROM mail_outbox
             WHERE lower(recipient) = lower($1) ORDER BY created_at, id",
            &[&email],
        );
        rows.iter()
            .map(|row| Posted {
                template: row.get(0),
                locale: row.get(1),
                status: row.get(2),
                attempts: row.get(3),
            })
            .collect()
    }

    /// Lets a user's one-time tokens of a type have expired a second ago.
    pub fn expire_tokens(&mut self, user: &str, kind: &str) {
        let changed = self.execute(
            "UPDATE tokens SET expires_at = now() - interval '1 second', created_at = created_at - interval '30 days'
             WHERE user_id = $1::text::uuid AND type = $2",
            &[&user, &kind],
        );
        assert_eq!(changed, 1, "no {kind} of {user}");
    }
}

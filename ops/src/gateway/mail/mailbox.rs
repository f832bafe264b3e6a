//! The messages that were caught, in memory: the latest thousand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorward_core::id::MailId;
use sha2::{Digest as _, Sha256};

use super::message::{Draft, Message, address};
use crate::host::{self, SystemEntropy};

/// How many messages are kept.
const KEPT: usize = 1000;

/// The mailbox, newest first.
#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    message: Arc<Message>,
    /// The sender's `Idempotency-Key`, and the hash of the body that it came with.
    key: Option<(Vec<u8>, [u8; 32])>,
}

/// Why a message wasn't kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Another message came with the same key.
    OtherMessage,
    /// No id could be made.
    NoRandomness,
}

impl Mailbox {
    /// Keeps the message and answers its id; a message that comes again with the same key is kept once.
    ///
    /// # Errors
    /// See [`Conflict`].
    pub(crate) fn keep(&self, draft: Draft, key: Option<Vec<u8>>, body: &[u8]) -> Result<String, Conflict> {
        let key: Option<(Vec<u8>, [u8; 32])> = key.map(|key| (key, Sha256::digest(body).into()));
        let mut kept = self.lock();
        if let Some((key, digest)) = &key {
            let same = |(other, _): &&(Vec<u8>, [u8; 32])| other == key;
            let before = kept
                .iter()
                .find_map(|one| one.key.as_ref().filter(same).map(|found| (&one.message.id, found.1)));
            if let Some((id, before)) = before {
                return if before == *digest {
                    Ok(id.clone())
                } else {
                    Err(Conflict::OtherMessage)
                };
            }
        }
        let now = host::now();
        let id = MailId::generate(now, &SystemEntropy)
            .map_err(|_| Conflict::NoRandomness)?
            .to_string();
        let Draft {
            from,
            to,
            subject,
            html,
            text,
        } = draft;
        let message = Message {
            id: id.clone(),
            from,
            to,
            subject,
            html,
            text,
            created_at: now.to_string(),
        };
        kept.push_front(Kept {
            message: Arc::new(message),
            key,
        });
        kept.truncate(KEPT);
        Ok(id)
    }

    /// The messages, newest first; only those to that address, if there is one.
    pub(crate) fn list(&self, to: Option<&str>) -> Vec<Arc<Message>> {
        let wanted = |message: &Message| {
            to.is_none_or(|to| {
                message
                    .to
                    .iter()
                    .filter_map(|one| address(one))
                    .any(|one| one.eq_ignore_ascii_case(to.trim()))
            })
        };
        self.lock()
            .iter()
            .map(|one| &one.message)
            .filter(|message| wanted(message))
            .map(Arc::clone)
            .collect()
    }

    /// The message with that id.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Message>> {
        self.lock()
            .iter()
            .map(|one| &one.message)
            .find(|message| message.id == id)
            .map(Arc::clone)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(to: &str, subject: &str) -> Draft {
        let (from, to, subject) = ("a@b.c".to_owned(), vec![to.to_owned()], subject.to_owned());
        Draft {
            from,
            to,
            subject,
            html: None,
            text: Some(String::new()),
        }
    }

    #[test]
    fn the_newest_comes_first_and_the_oldest_goes() {
        let mailbox = Mailbox::default();
        for number in 0..=KEPT {
            mailbox
                .keep(draft("Dee <D@e.f>", &number.to_string()), None, b"")
                .unwrap();
        }
        let messages = mailbox.list(Some("d@E.f "));
        assert_eq!(
            (messages.len(), messages[0].subject.as_str()),
            (KEPT, KEPT.to_string().as_str())
        );
        assert_eq!(messages[KEPT - 1].subject, "1");
        assert!(mailbox.list(Some("x@e.f")).is_empty());
        assert_eq!(mailbox.get(&messages[5].id).unwrap().subject, messages[5].subject);
    }

    #[test]
    fn a_key_keeps_a_message_once() {
        let mailbox = Mailbox::default();
        let key = || Some(b"key".to_vec());
        let first = mailbox.keep(draft("d@e.f", "s"), key(), b"body").unwrap();
        assert_eq!(mailbox.keep(draft("d@e.f", "s"), key(), b"body"), Ok(first));
        assert_eq!(
            mailbox.keep(draft("d@e.f", "s"), key(), b"other"),
            Err(Conflict::OtherMessage)
        );
        assert_eq!(mailbox.list(None).len(), 1);
    }
}

//! A mail provider of the test's own, which speaks as much of the Resend API as matters and fails on demand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::mailbox::Mail;
use crate::stub::{Answer, Asked, Stub};

/// What the provider does with a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Takes it: 200 with an id.
    Takes,
    /// Answers this status, and hasn't taken it.
    Answers(u16),
    /// Takes it, and is gone before it can say so.
    Hangs,
}

/// One `POST /emails` as it came in.
#[derive(Debug, Clone)]
pub struct Handed {
    /// The header `Idempotency-Key`.
    pub key: String,
    /// The header `Authorization`.
    pub authorization: String,
    /// The mail.
    pub mail: Mail,
    /// What became of it.
    pub mood: Mood,
}

#[derive(Debug)]
struct Inner {
    handed: Vec<Handed>,
    usual: Mood,
}

/// It listens until it is dropped.
#[derive(Debug)]
pub struct Provider {
    inner: Arc<Mutex<Inner>>,
    _stub: Stub,
}

impl Provider {
    /// Starts to listen; takes every mail until told otherwise.
    ///
    /// # Panics
    /// When somebody else has the port.
    pub fn start(port: u16) -> Self {
        let inner = Arc::new(Mutex::new(Inner {
            handed: Vec::new(),
            usual: Mood::Takes,
        }));
        let shared = Arc::clone(&inner);
        let stub = Stub::start(port, move |asked| answer(&asked, &shared));
        Self { inner, _stub: stub }
    }

    /// From now on it does this.
    pub fn usually(&self, mood: Mood) {
        held(&self.inner).usual = mood;
    }

    /// What was handed over for an address, in the order in which it came.
    pub fn handed_to(&self, email: &str) -> Vec<Handed> {
        let inner = held(&self.inner);
        let mine = |handed: &&Handed| handed.mail.to.iter().any(|to| to.eq_ignore_ascii_case(email));
        inner.handed.iter().filter(mine).cloned().collect()
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(asked: &Asked, inner: &Mutex<Inner>) -> Answer {
    let mail: Value = serde_json::from_slice(&asked.body).expect("a mail is JSON");
    let mood = {
        let mut inner = held(inner);
        let mood = inner.usual;
        inner.handed.push(Handed {
            key: asked.header("idempotency-key"),
            authorization: asked.header("authorization"),
            mail: Mail::parse(&mail),
            mood,
        });
        mood
    };
    let (status, body) = match mood {
        Mood::Takes => (200, r#"{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}"#),
        Mood::Answers(status) => (status, r#"{"statusCode":0,"message":"no","name":"application_error"}"#),
        Mood::Hangs => {
            std::thread::sleep(Duration::from_mins(1));
            return None;
        }
    };
    Some((status, Vec::new(), body.to_owned()))
}

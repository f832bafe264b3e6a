//! `/sessions`: where one is signed in, and how to end that.

use bytes::Bytes;
use doorward_core::id::SessionId;
use http::Method;
use maud::html;
use serde_json::Value;

use super::form::{Form, hidden};
use super::json::{at, items, text};
use super::layout::{self, Width, device, heading, moment};
use super::step::Step;
use super::visit::View;
use crate::reply::Reply;
use crate::router::Resource;

pub(super) fn step(form: &Form) -> Option<Step> {
    if form.has("others") {
        return Some(ending(Resource::Sessions, "/sessions?done=sessions"));
    }
    let id = SessionId::parse(form.get("session"))?;
    let next = if form.has("current") {
        "/login?done=signed-out"
    } else {
        "/sessions?done=session"
    };
    Some(ending(Resource::Session(id), next))
}

fn ending(resource: Resource, next: &'static str) -> Step {
    Step::post(resource, Bytes::new(), next).by(Method::DELETE)
}

pub(super) fn page(view: &View, answer: &Value) -> Reply {
    let words = view.words;
    let sessions = items(answer, "sessions");
    let content = html! {
        (heading(view, words.sessions_title, words.sessions_lead))
        ul.cards {
            @for session in sessions {
                @let name = device(words, text(session, "userAgent"));
                @let (current, ip) = (at(session, "current") == true, text(session, "ip"));
                li.card.split {
                    div {
                        h2 {
                            (name)
                            @if current { " " span.badge.good { (words.this_session) } }
                        }
                        p {
                            @if !ip.is_empty() { (ip) " · " }
                            (words.session_used) " " (moment(text(session, "lastUsedAt")))
                        }
                        p { (words.session_started) " " (moment(text(session, "createdAt"))) }
                    }
                    form method="post" action="/sessions" data-enhance {
                        (hidden("session", text(session, "id")))
                        @if current { (hidden("current", "1")) }
                        button type="submit" data-busy-text=(words.busy) aria-label={ (words.end_session) ": " (name) } {
                            (words.end_session)
                        }
                    }
                }
            }
        }
        @if sessions.len() > 1 {
            form method="post" action="/sessions" data-enhance {
                (hidden("others", "1"))
                button type="submit" data-busy-text=(words.busy) { (words.end_others) }
            }
        } @else {
            p { (words.only_session) }
        }
    };
    layout::page(view, Width::Wide, words.sessions_title, false, &content)
}

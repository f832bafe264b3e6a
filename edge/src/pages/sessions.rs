//! `/sessions`: where one is signed in, and how to end that.

use doorward_core::id::SessionId;
use maud::html;

use super::form::{Form, hidden};
use super::layout::{self, Width, device, heading, moment};
use super::visit::View;
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::handlers;
use crate::host::Host;
use crate::reply::Reply;

pub(super) async fn get<H: Host>(ctx: &Context<H>, view: &View) -> Result<Reply, Failure> {
    let words = view.words;
    let sessions = handlers::sessions::own(ctx).await?;
    let content = html! {
        (heading(view, words.sessions_title, words.sessions_lead))
        ul.cards {
            @for session in &sessions {
                @let name = device(words, session.user_agent.as_deref());
                li.card.split {
                    div {
                        h2 {
                            (name)
                            @if session.current { " " span.badge.good { (words.this_session) } }
                        }
                        p {
                            @if let Some(ip) = &session.ip { (ip) " · " }
                            (words.session_used) " " (moment(session.last_used_at))
                        }
                        p { (words.session_started) " " (moment(session.created_at)) }
                    }
                    form method="post" action="/sessions" data-enhance {
                        (hidden("session", &session.id.to_string()))
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
    Ok(layout::page(view, Width::Wide, words.sessions_title, false, &content))
}

pub(super) async fn post<H: Host>(ctx: &Context<H>, form: &Form) -> Result<Reply, Failure> {
    if form.has("others") {
        let reply = handlers::sessions::delete_all(ctx).await?;
        return Ok(reply.see_other("/sessions?done=sessions"));
    }
    let id = SessionId::parse(form.get("session")).ok_or(Code::NotFound)?;
    let is_this_one = ctx.access_claims().is_ok_and(|claims| claims.session == id);
    let reply = handlers::sessions::delete_one(ctx, id).await?;
    let afterwards = if is_this_one {
        "/login?done=signed-out"
    } else {
        "/sessions?done=session"
    };
    Ok(reply.see_other(afterwards))
}

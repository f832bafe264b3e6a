//! `GET /api/admin/events?user=&kind=&cursor=&limit=`: the audit trail, the latest first.
//!
//! 200 `{events, nextCursor}` · 401 · 403 `FORBIDDEN` · 404 `USER_NOT_FOUND` for a user whom the asker can't see. Whoever
//! belongs to a firm reads that firm's. One flight.

use doorward_core::authority::{Action, may};
use doorward_core::error::FieldProblem;
use doorward_core::id::{EventId, UserId};
use doorward_core::permission::Permission;

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::extract::Fields;
use crate::guards::allow;
use crate::host::Host;
use crate::paging::Page;
use crate::reply::Reply;
use crate::store::events::{Event, Wanted, list};
use crate::store::users::{User, by_id};

/// The longest kind that is looked for, in bytes.
const MAX_KIND: usize = 64;

pub(crate) async fn get<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let wanted = match wanted(ctx) {
        Ok(wanted) => wanted,
        Err(failure) => return ctx.refuse(Permission::EventsRead, failure).await,
    };
    let read = |asker| {
        let mut statements = vec![list(asker, &wanted)];
        statements.extend(wanted.user.map(by_id));
        statements
    };
    let (actor, answers) = ctx.listed(&Action::ReadEvents, &read).await?;
    let mut answers = answers.iter();
    let events = answers.next().map(Event::all).transpose()?.unwrap_or_default();
    if wanted.user.is_some() {
        let about = answers.next().map(User::first).transpose()?.flatten();
        let about = about.ok_or(Code::UserNotFound)?;
        let decision = may(&actor.user.principal(), &Action::ReadEvents, &about.target());
        allow(decision, Code::UserNotFound)?;
    }
    Ok(Page::new("events", events, wanted.limit, |event| event.id.to_string()).reply())
}

fn wanted<H: Host>(ctx: &Context<H>) -> Result<Wanted, Failure> {
    let mut query = Fields::query(&ctx.uri);
    let wanted = Wanted {
        user: query.optional("user", |text| UserId::parse(text).ok_or(FieldProblem::Invalid)),
        kind: query.optional("kind", |text| {
            let plain = text.len() <= MAX_KIND && text.bytes().all(|byte| byte.is_ascii_graphic());
            plain.then(|| text.to_owned()).ok_or(FieldProblem::Invalid)
        }),
        before: query.cursor(EventId::parse),
        limit: query.limit(),
    };
    query.finish().map(|()| wanted)
}

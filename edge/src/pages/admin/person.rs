//! `/admin/users/{id}`: one person: role, status, plan, and the end of all sessions.

use doorward_core::id::UserId;
use maud::html;

use super::super::form::{Form, Problems, Take, call, hidden, select, submit};
use super::super::json::{at, text};
use super::super::layout::heading;
use super::super::text::Words;
use super::super::visit::View;
use super::{page, status_badge, tabs};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::handlers::{admin_users, profiles};
use crate::host::Host;
use crate::reply::Reply;

pub(crate) async fn get<H: Host>(ctx: &Context<H>, view: &View, id: UserId) -> Result<Reply, Failure> {
    shown(ctx, view, id, &Form::default(), &Problems::default()).await
}

pub(crate) async fn post<H: Host>(
    ctx: &mut Context<H>,
    view: &View,
    id: UserId,
    form: &Form,
) -> Result<Reply, Failure> {
    let answer = match form.get("do") {
        "access" => {
            let fields = [Take::Filled("role"), Take::Filled("status"), Take::Filled("tier")];
            call(ctx, form.json(&fields));
            admin_users::patch(ctx, id).await
        }
        "sessions" => admin_users::delete_sessions(ctx, id).await,
        _ => Err(Code::NotFound.into()),
    };
    match answer {
        Ok(reply) => Ok(reply.see_other(&[&view.path, "?done=user"].concat())),
        Err(failure) => {
            let problems = Problems::of(ctx, failure)?;
            let page = shown(ctx, view, id, form, &problems).await?;
            Ok(problems.reply(page))
        }
    }
}

async fn shown<H: Host>(
    ctx: &Context<H>,
    view: &View,
    id: UserId,
    form: &Form,
    problems: &Problems,
) -> Result<Reply, Failure> {
    let words = view.words;
    let answer = profiles::get(ctx, Some(id)).await?.parsed();
    let person = at(&answer, "profile");
    let chosen = |name: &'static str| match form.get(name) {
        "" => text(person, name).to_owned(),
        typed => typed.to_owned(),
    };
    let (role, status, tier) = (chosen("role"), chosen("status"), chosen("tier"));
    let mut roles = Words::pairs(words.role_names);
    // A role of the deployment's own.
    if !roles.iter().any(|(name, _)| *name == role) {
        roles.push((&role, &role));
    }
    let mut tiers = Words::pairs(words.tier_names);
    tiers.retain(|(name, _)| *name != "anonymous");
    let of_firm = text(at(person, "firm"), "name");
    let content = html! {
        (heading(view, text(person, "name"), ""))
        (tabs(view))
        dl.facts {
            dt { (words.email) } dd { (text(person, "email")) }
            dt { (words.status) } dd { (status_badge(view, text(person, "status"))) }
            @if !of_firm.is_empty() { dt { (words.firm_label) } dd { (of_firm) } }
            @for (name, label) in [("phone", words.phone), ("department", words.department), ("position", words.position)] {
                @let value = text(person, name);
                @if !value.is_empty() { dt { (label) } dd { (value) } }
            }
        }
        section.card aria-labelledby="access-title" {
            h2 id="access-title" { (words.access_title) }
            (problems.notice(view, &[]))
            form method="post" action=(view.path) data-enhance novalidate {
                (hidden("do", "access"))
                (select("", "role", words.role, &roles, &role))
                (select("", "status", words.status, &Words::pairs(words.status_names), &status))
                (select("", "tier", words.tier, &tiers, &tier))
                (submit(view, words.save))
            }
        }
        section.card aria-labelledby="sessions-title" {
            h2 id="sessions-title" { (words.sessions) }
            form method="post" action=(view.path) data-enhance {
                (hidden("do", "sessions"))
                button.danger type="submit" data-busy-text=(words.busy) { (words.end_all_sessions) }
            }
            p.links { a href={ "/admin/events?user=" (text(person, "id")) } { (words.user_events) } }
        }
    };
    let is_error = problems.code().is_some();
    Ok(page(view, text(person, "name"), is_error, &content))
}

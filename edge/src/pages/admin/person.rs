//! `/admin/users/{id}`: one person: role, status, plan, and the end of all sessions.

use bytes::Bytes;
use doorward_core::id::UserId;
use http::Method;
use maud::html;
use serde_json::Value;

use super::super::form::{Form, Problems, Take, hidden, select, submit};
use super::super::json::{at, text};
use super::super::layout::heading;
use super::super::step::Step;
use super::super::text::Words;
use super::super::visit::View;
use super::{page, status_badge, tabs};
use crate::reply::Reply;
use crate::router::Resource;

pub(crate) fn step(view: &View, id: UserId, form: &Form) -> Option<Step> {
    let next = [&view.path, "?done=user"].concat();
    Some(match form.get("do") {
        "access" => {
            let fields = [Take::Filled("role"), Take::Filled("status"), Take::Filled("tier")];
            Step::post(Resource::AdminUser(id), form.json(&fields), next).by(Method::PATCH)
        }
        "sessions" => Step::post(Resource::AdminUserSessions(id), Bytes::new(), next).by(Method::DELETE),
        _ => return None,
    })
}

pub(crate) fn page_of(view: &View, form: &Form, problems: &Problems, answer: &Value) -> Reply {
    let words = view.words;
    let person = at(answer, "profile");
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
    page(view, text(person, "name"), is_error, &content)
}

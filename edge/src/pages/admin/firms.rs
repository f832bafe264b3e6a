//! `/admin/firms`: the firms that share the deployment, and whom to invite into one.

use doorward_core::id::FirmId;
use doorward_core::permission::Permission;
use http::Method;
use maud::{Markup, html};
use serde_json::Value;

use super::super::form::{Field, Form, Problems, Take, field, hidden, select, submit};
use super::super::json::{items, text};
use super::super::layout::heading;
use super::super::step::Step;
use super::super::text::Words;
use super::super::visit::View;
use super::{next_page, page, tabs};
use crate::reply::Reply;
use crate::router::Resource;

pub(crate) fn step(form: &Form) -> Option<Step> {
    let saved = "/admin/firms?done=saved";
    let doing = form.get("do");
    if doing == "add" {
        let body = form.json(&[Take::Text("slug"), Take::Text("name")]);
        return Some(Step::post(Resource::Firms, body, saved));
    }
    let id = FirmId::parse(form.get("firm"))?;
    Some(match doing {
        "change" => {
            let fields = [Take::Text("name"), Take::Filled("slug"), Take::Filled("status")];
            Step::post(Resource::Firm(id), form.json(&fields), saved).by(Method::PATCH)
        }
        "invite" => {
            let body = form.json(&[Take::Text("email"), Take::Text("role")]);
            Step::post(Resource::Invitations(id), body, "/admin/firms?done=invited")
        }
        _ => return None,
    })
}

pub(crate) fn page_of(view: &View, form: &Form, problems: &Problems, answer: &Value) -> Reply {
    let words = view.words;
    let user = view.user.as_ref();
    let may = |permission| user.is_some_and(|user| user.permissions.has(permission));
    // Who belongs to a firm looks after that one.
    let makes_firms = may(Permission::FirmsManage) && user.is_some_and(|user| user.firm_id.is_none());
    let adding = form.get("do") == "add";
    let none = (&Form::default(), &Problems::default());
    let (typed, wrong) = if adding { (form, problems) } else { none };
    let content = html! {
        (heading(view, words.firms, ""))
        (tabs(view))
        @if !adding { (problems.notice(view, &["email"])) }
        ul.cards {
            @for firm in items(answer, "firms") {
                @let id = text(firm, "id");
                @let same = form.get("firm") == id;
                li.card {
                    h2 { (text(firm, "name")) " " span.badge { (text(firm, "slug")) } }
                    p { (Words::named(words.firm_status_names, text(firm, "status"))) }
                    @if may(Permission::FirmsManage) {
                        details open[same && form.get("do") == "change"] {
                            summary { (words.edit_firm) }
                            (change(view, firm))
                        }
                    }
                    @if may(Permission::InvitationsManage) {
                        details open[same && form.get("do") == "invite"] {
                            summary { (words.invite_title) }
                            (invite(view, firm, form, problems, same))
                        }
                    }
                }
            }
        }
        (next_page(view, answer))
        @if makes_firms {
            section.card aria-labelledby="add-title" {
                h2 id="add-title" { (words.add_firm) }
                (wrong.notice(view, &["slug", "name"]))
                form method="post" action="/admin/firms" data-enhance novalidate {
                    (hidden("do", "add"))
                    (line(view, wrong, "add", "slug", words.slug, typed.get("slug")))
                    (line(view, wrong, "add", "name", words.firm_name, typed.get("name")))
                    (submit(view, words.add_firm))
                }
            }
        }
    };
    page(view, words.firms, problems.code().is_some(), &content)
}

fn line(view: &View, problems: &Problems, prefix: &str, name: &'static str, label: &str, value: &str) -> Markup {
    field(
        view,
        problems,
        &Field {
            name,
            prefix,
            label,
            value,
            kind: if name == "email" { "email" } else { "text" },
            check: if name == "name" { "" } else { name },
            autocomplete: "off",
            ..Field::default()
        },
    )
}

fn change(view: &View, firm: &Value) -> Markup {
    let words = view.words;
    let (id, none) = (text(firm, "id"), Problems::default());
    let prefix = ["change-", id].concat();
    html! {
        form method="post" action="/admin/firms" data-enhance novalidate {
            (hidden("do", "change"))
            (hidden("firm", id))
            (line(view, &none, &prefix, "name", words.firm_name, text(firm, "name")))
            (line(view, &none, &prefix, "slug", words.slug, text(firm, "slug")))
            (select(&prefix, "status", words.status, &Words::pairs(words.firm_status_names), text(firm, "status")))
            (submit(view, words.save))
        }
    }
}

fn invite(view: &View, into: &Value, form: &Form, problems: &Problems, same: bool) -> Markup {
    let words = view.words;
    let (id, none) = (text(into, "id"), Problems::default());
    let failed = same && form.get("do") == "invite";
    let prefix = ["invite-", id].concat();
    let (email, role) = if failed {
        (form.get("email"), form.get("role"))
    } else {
        ("", "member")
    };
    html! {
        form method="post" action="/admin/firms" data-enhance novalidate {
            (hidden("do", "invite"))
            (hidden("firm", id))
            (line(view, if failed { problems } else { &none }, &prefix, "email", words.email, email))
            (select(&prefix, "role", words.role, &Words::pairs(words.role_names), role))
            (submit(view, words.invite_button))
        }
    }
}

//! `/admin/firms`: the firms that share the deployment, and whom to invite into one.

use doorward_core::id::FirmId;
use doorward_core::permission::Permission;
use maud::{Markup, html};
use serde_json::Value;

use super::super::form::{Field, Form, Problems, Take, call, field, hidden, select, submit};
use super::super::json::{items, text};
use super::super::layout::heading;
use super::super::text::Words;
use super::super::visit::View;
use super::{next_page, page, tabs};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::handlers::{firms, invitations};
use crate::host::Host;
use crate::reply::Reply;

pub(crate) async fn get<H: Host>(ctx: &Context<H>, view: &View) -> Result<Reply, Failure> {
    shown(ctx, view, &Form::default(), &Problems::default()).await
}

pub(crate) async fn post<H: Host>(ctx: &mut Context<H>, view: &View, form: &Form) -> Result<Reply, Failure> {
    let id = FirmId::parse(form.get("firm")).ok_or(Code::FirmNotFound);
    let (answer, done) = match (form.get("do"), id) {
        ("add", _) => {
            call(ctx, form.json(&[Take::Text("slug"), Take::Text("name")]));
            (firms::post(ctx).await, "saved")
        }
        ("change", Ok(id)) => {
            call(
                ctx,
                form.json(&[Take::Text("name"), Take::Filled("slug"), Take::Filled("status")]),
            );
            (firms::patch(ctx, id).await, "saved")
        }
        ("invite", Ok(id)) => {
            call(ctx, form.json(&[Take::Text("email"), Take::Text("role")]));
            (invitations::post(ctx, id).await, "invited")
        }
        (_, Err(code)) => (Err(code.into()), ""),
        _ => (Err(Code::NotFound.into()), ""),
    };
    match answer {
        Ok(reply) => Ok(reply.see_other(&["/admin/firms?done=", done].concat())),
        Err(failure) => {
            let problems = Problems::of(ctx, failure)?;
            let page = shown(ctx, view, form, &problems).await?;
            Ok(problems.reply(page))
        }
    }
}

async fn shown<H: Host>(ctx: &Context<H>, view: &View, form: &Form, problems: &Problems) -> Result<Reply, Failure> {
    let words = view.words;
    let answer = firms::get(ctx).await?.parsed();
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
            @for firm in items(&answer, "firms") {
                @let id = text(firm, "id");
                @let same = form.get("firm") == id;
                li.card {
                    h2 { (text(firm, "name")) " " span.badge { (text(firm, "slug")) } }
                    p { (Words::named(words.firm_status_names, text(firm, "status"))) }
                    @if may(Permission::FirmsManage) {
                        details open[same && form.get("do") == "change"] {
                            summary { (words.edit_firm) }
                            (change(view, firm, makes_firms))
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
        (next_page(view, &answer))
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
    Ok(page(view, words.firms, problems.code().is_some(), &content))
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

fn change(view: &View, firm: &Value, whole: bool) -> Markup {
    let words = view.words;
    let (id, none) = (text(firm, "id"), Problems::default());
    let prefix = ["change-", id].concat();
    html! {
        form method="post" action="/admin/firms" data-enhance novalidate {
            (hidden("do", "change"))
            (hidden("firm", id))
            (line(view, &none, &prefix, "name", words.firm_name, text(firm, "name")))
            @if whole {
                (line(view, &none, &prefix, "slug", words.slug, text(firm, "slug")))
                (select(&prefix, "status", words.status, &Words::pairs(words.firm_status_names), text(firm, "status")))
            }
            (submit(view, words.save))
        }
    }
}

fn invite(view: &View, firm: &Value, form: &Form, problems: &Problems, same: bool) -> Markup {
    let words = view.words;
    let (id, none) = (text(firm, "id"), Problems::default());
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

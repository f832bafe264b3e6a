//! `/verify-email`: with `?token=` from a mail, a button that posts it, because mail scanners open links; without, a
//! place to ask for the mail again.

use maud::{Markup, html};

use super::form::{Field, Form, Problems, Take, call, field, hidden, submit};
use super::layout::{self, Width, heading};
use super::visit::View;
use crate::context::Context;
use crate::error::Failure;
use crate::handlers;
use crate::host::Host;
use crate::reply::Reply;

pub(super) fn get(view: &View) -> Reply {
    page(view, view.query.get("token"), &Form::default(), &Problems::default())
}

pub(super) async fn post<H: Host>(ctx: &mut Context<H>, view: &View, form: &Form) -> Result<Reply, Failure> {
    let answer = if form.has("token") {
        call(ctx, form.json(&[Take::Text("token")]));
        let afterwards = if view.user.is_some() {
            "/?done=verified"
        } else {
            "/login?done=verified"
        };
        handlers::verify_email::post(ctx)
            .await
            .map(|reply| reply.see_other(afterwards))
    } else {
        call(ctx, form.json(&[Take::Text("email")]));
        let reply = handlers::resend_verification::post(ctx).await;
        reply.map(|reply| reply.see_other("/verify-email?done=resent"))
    };
    answer.or_else(|failure| {
        let problems = Problems::of(ctx, failure)?;
        Ok(problems.reply(page(view, "", form, &problems)))
    })
}

fn page(view: &View, token: &str, form: &Form, problems: &Problems) -> Reply {
    let words = view.words;
    let failed = problems.code().is_some();
    let (title, content) = match (token, failed) {
        ("", false) => (
            words.check_mail_title,
            html! {
                (heading(view, words.check_mail_title, words.check_mail_lead))
                h2 { (words.resend_title) }
                p { (words.resend_lead) }
                (resend(view, form, problems))
            },
        ),
        ("", true) => (
            words.verify_title,
            html! {
                (heading(view, words.verify_title, ""))
                (problems.notice(view, &["email"]))
                p { (words.verify_failed_lead) }
                (resend(view, form, problems))
            },
        ),
        (token, _) => (
            words.verify_title,
            html! {
                (heading(view, words.verify_title, words.verify_lead))
                form method="post" action="/verify-email" data-enhance {
                    (hidden("token", token))
                    (submit(view, words.verify_button))
                }
            },
        ),
    };
    layout::page(view, Width::Narrow, title, failed, &content)
}

fn resend(view: &View, form: &Form, problems: &Problems) -> Markup {
    let known = view.user.as_ref().map_or("", |user| user.email.as_str());
    let typed = form.get("email");
    html! {
        form method="post" action="/verify-email" data-enhance novalidate {
            (field(view, problems, &Field {
                name: "email",
                label: view.words.email,
                value: if typed.is_empty() { known } else { typed },
                kind: "email",
                check: "email",
                autocomplete: "email",
                ..Field::default()
            }))
            (submit(view, view.words.resend_button))
        }
    }
}

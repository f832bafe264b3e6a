//! `/verify-email`: with `?token=` from a mail, a button that posts it, because mail scanners open links; without, a
//! place to ask for the mail again.

use maud::{Markup, html};

use super::form::{Field, Form, Problems, Take, field, hidden, submit};
use super::layout::{self, Width, heading};
use super::step::Step;
use super::visit::View;
use crate::reply::Reply;
use crate::router::Resource;

pub(super) fn step(view: &View, form: &Form) -> Step {
    if form.has("token") {
        let next = if view.user.is_some() {
            "/?done=verified"
        } else {
            "/login?done=verified"
        };
        return Step::post(Resource::VerifyEmail, form.json(&[Take::Text("token")]), next);
    }
    let body = form.json(&[Take::Text("email")]);
    Step::post(Resource::ResendVerification, body, "/verify-email?done=resent")
}

pub(super) fn page(view: &View, form: &Form, problems: &Problems) -> Reply {
    let words = view.words;
    let failed = problems.code().is_some();
    // One that was tried in vain is of no more use.
    let token = if failed { "" } else { view.query.get("token") };
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

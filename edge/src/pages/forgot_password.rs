//! `/forgot-password`: a mail with a link that sets a new password.

use maud::html;

use super::form::{Field, Form, Problems, Take, field, submit};
use super::layout::{self, Width, heading};
use super::step::Step;
use super::visit::View;
use crate::reply::Reply;
use crate::router::Resource;

pub(super) fn step(form: &Form) -> Step {
    let body = form.json(&[Take::Text("email")]);
    Step::post(Resource::ForgotPassword, body, "/forgot-password?done=forgot")
}

pub(super) fn page(view: &View, form: &Form, problems: &Problems) -> Reply {
    let words = view.words;
    let known = view.user.as_ref().map_or("", |user| user.email.as_str());
    let typed = form.get("email");
    let content = html! {
        (heading(view, words.forgot_title, words.forgot_lead))
        (problems.notice(view, &["email"]))
        form method="post" action="/forgot-password" data-enhance novalidate {
            (field(view, problems, &Field {
                name: "email",
                label: words.email,
                value: if typed.is_empty() { known } else { typed },
                kind: "email",
                check: "email",
                autocomplete: "username",
                ..Field::default()
            }))
            (submit(view, words.forgot_button))
        }
        p.links { a href="/login" { (words.sign_in) } }
    };
    layout::page(
        view,
        Width::Narrow,
        words.forgot_title,
        problems.code().is_some(),
        &content,
    )
}

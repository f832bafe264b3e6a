//! `/login`: a session for an address and its password, and on to `?next=`.

use maud::html;

use super::form::{Field, Form, Problems, Take, checkbox, field, hidden, submit};
use super::layout::{self, Width, heading, see_other};
use super::step::Step;
use super::visit::View;
use crate::error::Code;
use crate::reply::Reply;
use crate::router::Resource;

pub(super) fn step(view: &View, form: &Form) -> Step {
    let fields = [Take::Text("email"), Take::Text("password"), Take::Flag("rememberMe")];
    let next = view.next().unwrap_or("/").to_owned();
    Step::post(Resource::Login, form.json(&fields), next)
}

pub(super) fn page(view: &View, form: &Form, problems: &Problems) -> Reply {
    if view.user.is_some() && problems.code().is_none() {
        return see_other(view.next().unwrap_or("/"));
    }
    let words = view.words;
    let content = html! {
        (heading(view, words.sign_in_title, words.sign_in_lead))
        (problems.notice(view, &["email", "password"]))
        @if problems.code() == Some(Code::EmailNotVerified) {
            form method="post" action="/verify-email" data-enhance {
                (hidden("email", form.get("email")))
                p { (submit(view, words.resend)) }
            }
        }
        form method="post" action=(view.address_with("", "")) data-enhance novalidate {
            (field(view, problems, &Field {
                name: "email",
                label: words.email,
                value: form.get("email"),
                kind: "email",
                check: "email",
                autocomplete: "username",
                ..Field::default()
            }))
            (field(view, problems, &Field {
                name: "password",
                label: words.password,
                kind: "password",
                check: "password",
                autocomplete: "current-password",
                ..Field::default()
            }))
            (checkbox("rememberMe", words.remember, form.has("rememberMe")))
            (submit(view, words.sign_in))
        }
        p.links { a href="/forgot-password" { (words.forgot_link) } }
        p.links { (words.no_account) " " a href="/register" { (words.sign_up) } }
    };
    layout::page(
        view,
        Width::Narrow,
        words.sign_in_title,
        problems.code().is_some(),
        &content,
    )
}

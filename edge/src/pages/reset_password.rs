//! `/reset-password?token=` from a mail: a new password.

use maud::html;

use super::form::{Field, Form, Problems, Take, field, hidden, submit};
use super::layout::{self, Width, heading};
use super::step::Step;
use super::visit::View;
use crate::error::Code;
use crate::reply::Reply;
use crate::router::Resource;

pub(super) fn step(form: &Form) -> Step {
    let fields = [
        Take::Text("token"),
        Take::Text("password"),
        Take::Text("confirmPassword"),
    ];
    Step::post(Resource::ResetPassword, form.json(&fields), "/login?done=reset")
}

pub(super) fn page(view: &View, form: &Form, problems: &Problems) -> Reply {
    let words = view.words;
    let token = view.given(form, "token");
    // Another try with this link can't help.
    let is_over = matches!(problems.code(), Some(Code::TokenInvalid | Code::TokenExpired));
    let lead = match (token, is_over) {
        ("", _) => words.reset_no_token,
        (_, true) => "",
        _ => words.reset_lead,
    };
    let content = html! {
        (heading(view, words.reset_title, lead))
        (problems.notice(view, &["password", "confirmPassword"]))
        @if token.is_empty() || is_over {
            p.actions { a.button.primary href="/forgot-password" { (words.forgot_button) } }
        } @else {
            form method="post" action="/reset-password" data-enhance novalidate {
                (hidden("token", token))
                (field(view, problems, &Field {
                    name: "password",
                    label: words.new_password,
                    hint: words.password_hint,
                    kind: "password",
                    check: "new-password",
                    autocomplete: "new-password",
                    ..Field::default()
                }))
                (field(view, problems, &Field {
                    name: "confirmPassword",
                    label: words.confirm_password,
                    kind: "password",
                    check: "password",
                    same_as: "password",
                    autocomplete: "new-password",
                    ..Field::default()
                }))
                (submit(view, words.reset_button))
            }
        }
    };
    layout::page(
        view,
        Width::Narrow,
        words.reset_title,
        problems.code().is_some(),
        &content,
    )
}

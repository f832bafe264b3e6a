//! `/reset-password?token=` from a mail: a new password.

use maud::html;

use super::form::{Field, Form, Problems, Take, call, field, hidden, submit};
use super::layout::{self, Width, heading};
use super::visit::View;
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::handlers;
use crate::host::Host;
use crate::reply::Reply;

pub(super) fn get(view: &View) -> Reply {
    page(view, view.query.get("token"), &Problems::default())
}

pub(super) async fn post<H: Host>(ctx: &mut Context<H>, view: &View, form: &Form) -> Result<Reply, Failure> {
    let fields = [
        Take::Text("token"),
        Take::Text("password"),
        Take::Text("confirmPassword"),
    ];
    call(ctx, form.json(&fields));
    match handlers::reset_password::post(ctx).await {
        Ok(reply) => Ok(ctx.clear_cookies(reply.see_other("/login?done=reset"))),
        Err(failure) => {
            let problems = Problems::of(ctx, failure)?;
            Ok(problems.reply(page(view, form.get("token"), &problems)))
        }
    }
}

fn page(view: &View, token: &str, problems: &Problems) -> Reply {
    let words = view.words;
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

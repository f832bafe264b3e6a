//! `/forgot-password`: a mail with a link that sets a new password.

use maud::html;

use super::form::{Field, Form, Problems, Take, call, field, submit};
use super::layout::{self, Width, heading};
use super::visit::View;
use crate::context::Context;
use crate::error::Failure;
use crate::handlers;
use crate::host::Host;
use crate::reply::Reply;

pub(super) fn get(view: &View) -> Reply {
    page(view, &Form::default(), &Problems::default())
}

pub(super) async fn post<H: Host>(ctx: &mut Context<H>, view: &View, form: &Form) -> Result<Reply, Failure> {
    call(ctx, form.json(&[Take::Text("email")]));
    match handlers::forgot_password::post(ctx).await {
        Ok(reply) => Ok(reply.see_other("/forgot-password?done=forgot")),
        Err(failure) => {
            let problems = Problems::of(ctx, failure)?;
            Ok(problems.reply(page(view, form, &problems)))
        }
    }
}

fn page(view: &View, form: &Form, problems: &Problems) -> Reply {
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

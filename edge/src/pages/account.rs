//! `/account`: another password, another address, or no account at all. Three forms, told apart by `do`.

use http::Method;
use maud::html;

use super::form::{Field, Form, Problems, Take, checkbox, field, hidden, submit};
use super::layout::{self, Width, heading};
use super::step::Step;
use super::text::fill;
use super::visit::View;
use crate::reply::Reply;
use crate::router::Resource;

pub(super) fn step(form: &Form) -> Option<Step> {
    let password = Take::Text("password");
    Some(match form.get("do") {
        "password" => {
            let fields = [
                Take::Text("currentPassword"),
                Take::Text("newPassword"),
                Take::Flag("keepOtherSessions"),
            ];
            Step::post(Resource::ChangePassword, form.json(&fields), "/account?done=password")
        }
        "email" => {
            let body = form.json(&[Take::Text("newEmail"), password]);
            Step::post(Resource::ChangeEmail, body, "/account?done=email")
        }
        "delete" => Step::post(Resource::Account, form.json(&[password]), "/?done=deleted").by(Method::DELETE),
        _ => return None,
    })
}

pub(super) fn page(view: &View, form: &Form, problems: &Problems) -> Reply {
    let words = view.words;
    let none = Problems::default();
    let none_typed = Form::default();
    let doing = form.get("do");
    // What went wrong is shown beside the form that it went wrong with.
    let of = |which: &str| {
        if doing == which {
            (problems, form)
        } else {
            (&none, &none_typed)
        }
    };
    let (password, email, delete) = (of("password"), of("email"), of("delete"));
    let user = view.user.as_ref();
    let address = user.map_or("", |user| user.email.as_str());
    let content = html! {
        (heading(view, words.account_title, ""))
        section.card aria-labelledby="password-title" {
            h2 id="password-title" { (words.change_password_title) }
            (password.0.notice(view, &["currentPassword", "newPassword"]))
            form method="post" action="/account" data-enhance novalidate {
                (hidden("do", "password"))
                // So that a password manager knows whose password it is.
                input type="text" name="username" value=(address) autocomplete="username" hidden readonly;
                (field(view, password.0, &Field {
                    name: "currentPassword",
                    label: words.current_password,
                    kind: "password",
                    check: "password",
                    autocomplete: "current-password",
                    ..Field::default()
                }))
                (field(view, password.0, &Field {
                    name: "newPassword",
                    label: words.new_password,
                    hint: words.password_hint,
                    kind: "password",
                    check: "new-password",
                    autocomplete: "new-password",
                    ..Field::default()
                }))
                (checkbox("keepOtherSessions", words.keep_others, password.1.has("keepOtherSessions")))
                (submit(view, words.change_password_button))
            }
        }
        section.card aria-labelledby="email-title" {
            h2 id="email-title" { (words.change_email_title) }
            p { (fill(words.change_email_lead, address)) }
            (email.0.notice(view, &["newEmail", "password"]))
            form method="post" action="/account" data-enhance novalidate {
                (hidden("do", "email"))
                (field(view, email.0, &Field {
                    name: "newEmail",
                    label: words.new_email,
                    value: email.1.get("newEmail"),
                    kind: "email",
                    check: "email",
                    autocomplete: "email",
                    ..Field::default()
                }))
                (field(view, email.0, &Field {
                    name: "password",
                    prefix: "email",
                    label: words.password,
                    kind: "password",
                    check: "password",
                    autocomplete: "current-password",
                    ..Field::default()
                }))
                (submit(view, words.change_email_button))
            }
        }
        section.card aria-labelledby="delete-title" {
            h2 id="delete-title" { (words.delete_title) }
            p { (words.delete_lead) }
            details open[doing == "delete"] {
                summary { (words.delete_summary) }
                (delete.0.notice(view, &["password"]))
                form method="post" action="/account" data-enhance novalidate {
                    (hidden("do", "delete"))
                    (field(view, delete.0, &Field {
                        name: "password",
                        prefix: "delete",
                        label: words.password,
                        kind: "password",
                        check: "password",
                        autocomplete: "current-password",
                        ..Field::default()
                    }))
                    button.danger type="submit" data-busy-text=(words.busy) { (words.delete_button) }
                }
            }
        }
    };
    layout::page(
        view,
        Width::Wide,
        words.account_title,
        problems.code().is_some(),
        &content,
    )
}

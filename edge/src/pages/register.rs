//! `/register`: a new account, signed in at once where the deployment lets people in before they have confirmed their
//! address. `?token=` is an invitation.

use maud::html;

use super::form::{Field, Form, Problems, Take, field, hidden, select, submit};
use super::layout::{self, Width, heading, see_other};
use super::step::Step;
use super::text::Words;
use super::visit::View;
use crate::reply::Reply;
use crate::router::Resource;
use doorward_core::role::Role;

pub(super) fn step(form: &Form) -> Step {
    let fields = [
        Take::Text("name"),
        Take::Text("email"),
        Take::Text("password"),
        Take::Filled("role"),
        Take::Filled("firmSlug"),
        Take::Filled("invitation"),
    ];
    Step {
        // The address has to be confirmed first, or whether there was one isn't told.
        accepted: Some("/verify-email"),
        ..Step::post(Resource::Register, form.json(&fields), "/?done=registered")
    }
}

pub(super) fn page(view: &View, form: &Form, problems: &Problems) -> Reply {
    if view.user.is_some() && problems.code().is_none() {
        return see_other("/");
    }
    let words = view.words;
    let given = |name: &'static str, of_query: &'static str| match form.get(name) {
        "" => view.query.get(of_query).to_owned(),
        value => value.to_owned(),
    };
    let (invitation, slug) = (given("invitation", "token"), given("firmSlug", "firm"));
    let chosen = &view.instance.config.self_roles;
    let roles: Vec<_> = [Role::MEMBER]
        .into_iter()
        .chain(chosen.iter().map(Role::as_str))
        .collect();
    let roles: Vec<_> = roles
        .iter()
        .map(|role| (*role, Words::named(words.role_names, role)))
        .collect();
    let lead = if invitation.is_empty() {
        words.sign_up_lead
    } else {
        words.invited_lead
    };
    let content = html! {
        (heading(view, words.sign_up_title, lead))
        (problems.notice(view, &["email", "name", "password", "role"]))
        form method="post" action="/register" data-enhance novalidate {
            @if !invitation.is_empty() { (hidden("invitation", &invitation)) }
            @if !slug.is_empty() { (hidden("firmSlug", &slug)) }
            (field(view, problems, &Field {
                name: "name",
                label: words.name,
                value: form.get("name"),
                kind: "text",
                check: "name",
                autocomplete: "name",
                ..Field::default()
            }))
            (field(view, problems, &Field {
                name: "email",
                label: words.email,
                hint: words.email_hint,
                value: form.get("email"),
                kind: "email",
                check: "email",
                autocomplete: "username",
                ..Field::default()
            }))
            (field(view, problems, &Field {
                name: "password",
                label: words.password,
                hint: words.password_hint,
                kind: "password",
                check: "new-password",
                autocomplete: "new-password",
                ..Field::default()
            }))
            @if roles.len() > 1 && invitation.is_empty() {
                (select("", "role", words.role, &roles, form.get("role")))
            }
            (submit(view, words.sign_up_button))
        }
        p.links { (words.have_account) " " a href="/login" { (words.sign_in) } }
    };
    layout::page(
        view,
        Width::Narrow,
        words.sign_up_title,
        problems.code().is_some(),
        &content,
    )
}

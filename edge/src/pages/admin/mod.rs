//! `/admin`: the people of a deployment or of a firm, what they may do, and what happened. Who may see what is the API's to
//! say; a page only shows its answers.

use doorward_core::permission::Permission;
use maud::{Markup, html};
use serde_json::Value;

use super::json::text;
use super::visit::View;
use crate::reply::Reply;
use crate::store::users::User;

pub(super) mod events;
pub(super) mod firms;
pub(super) mod people;
pub(super) mod person;

/// The pages of the administration with the permission that each needs.
fn places(view: &View) -> [(&'static str, &'static str, Permission); 3] {
    let words = view.words;
    [
        ("/admin", words.people, Permission::ProfilesList),
        ("/admin/events", words.events, Permission::EventsRead),
        ("/admin/firms", words.firms, Permission::FirmsRead),
    ]
}

/// The first page of the administration that somebody may see.
pub(super) fn entrance(view: &View, user: &User) -> Option<&'static str> {
    let mut places = places(view).into_iter();
    places
        .find(|(_, _, permission)| user.permissions.has(*permission))
        .map(|(path, ..)| path)
}

/// The way from one page of the administration to the others.
fn tabs(view: &View) -> Markup {
    html! {
        nav aria-label=(view.words.admin) {
            ul.tabs {
                @for (path, name, permission) in places(view) {
                    @if view.user.as_ref().is_some_and(|user| user.permissions.has(permission)) {
                        li { a href=(path) aria-current=[(view.path == path).then_some("page")] { (name) } }
                    }
                }
            }
        }
    }
}

/// The link to the next page of a list, where there is one.
fn next_page(view: &View, answer: &Value) -> Markup {
    let cursor = text(answer, "nextCursor");
    html! {
        @if !cursor.is_empty() {
            p.actions { a.button href=(view.address_with("cursor", cursor)) rel="next" { (view.words.next_page) } }
        }
    }
}

/// A page of the administration.
fn page(view: &View, title: &str, is_error: bool, content: &Markup) -> Reply {
    super::layout::page(view, super::layout::Width::Widest, title, is_error, content)
}

/// An account's status, as a badge.
fn status_badge(view: &View, status: &str) -> Markup {
    let name = super::text::Words::named(view.words.status_names, status);
    let class = match status {
        "active" => "badge good",
        "suspended" => "badge bad",
        _ => "badge",
    };
    html! { span class=(class) { (name) } }
}

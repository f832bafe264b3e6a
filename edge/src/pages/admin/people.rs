//! `/admin`: everybody whom one looks after, searched and page by page.

use maud::html;
use serde_json::Value;

use super::super::json::{at, items, text};
use super::super::layout::heading;
use super::super::text::Words;
use super::super::visit::View;
use super::{next_page, page, status_badge, tabs};
use crate::reply::Reply;

pub(crate) fn page_of(view: &View, answer: &Value) -> Reply {
    let words = view.words;
    let people = items(answer, "profiles");
    let role = view.query.get("role");
    let content = html! {
        (heading(view, words.admin_title, ""))
        (tabs(view))
        form.row method="get" action="/admin" role="search" {
            div.field {
                label for="q" { (words.search_hint) }
                input id="q" name="q" type="search" value=(view.query.get("q")) autocomplete="off";
            }
            div.field {
                label for="role" { (words.role) }
                select id="role" name="role" {
                    option value="" { (words.all_roles) }
                    @for (name, shown) in Words::pairs(words.role_names) {
                        option value=(name) selected[name == role] { (shown) }
                    }
                }
            }
            button type="submit" { (words.search_button) }
        }
        @if people.is_empty() {
            p { (words.nobody_found) }
        } @else {
            div.scroll tabindex="0" role="region" aria-label=(words.people) {
                table {
                    thead { tr {
                        th scope="col" { (words.name) }
                        th scope="col" { (words.email) }
                        th scope="col" { (words.role) }
                        th scope="col" { (words.status) }
                        th scope="col" { (words.firm_label) }
                    } }
                    tbody {
                        @for person in people {
                            tr {
                                td { a href={ "/admin/users/" (text(person, "id")) } { (text(person, "name")) } }
                                td { (text(person, "email")) }
                                td { (Words::named(words.role_names, text(person, "role"))) }
                                td { (status_badge(view, text(person, "status"))) }
                                td { (text(at(person, "firm"), "name")) }
                            }
                        }
                    }
                }
            }
        }
        (next_page(view, answer))
    };
    page(view, words.admin_title, false, &content)
}

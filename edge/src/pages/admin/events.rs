//! `/admin/events`: what happened, the latest first.

use maud::html;
use serde_json::Value;

use super::super::form::hidden;
use super::super::json::{at, items, text};
use super::super::layout::{heading, moment};
use super::super::visit::View;
use super::{next_page, page, tabs};
use crate::json;
use crate::reply::Reply;

pub(crate) fn page_of(view: &View, answer: &Value) -> Reply {
    let words = view.words;
    let events = items(answer, "events");
    let user = view.query.get("user");
    let content = html! {
        (heading(view, words.events, ""))
        (tabs(view))
        form.row method="get" action="/admin/events" role="search" {
            @if !user.is_empty() { (hidden("user", user)) }
            div.field {
                label for="kind" { (words.event_kind) }
                input id="kind" name="kind" type="search" value=(view.query.get("kind")) placeholder="session.created"
                    autocomplete="off" autocapitalize="none" spellcheck="false";
            }
            button type="submit" { (words.search_button) }
        }
        @if events.is_empty() {
            p { (words.no_events) }
        } @else {
            div.scroll tabindex="0" role="region" aria-label=(words.events) {
                table {
                    thead { tr {
                        th scope="col" { (words.when) }
                        th scope="col" { (words.what) }
                        th scope="col" { (words.who) }
                        th scope="col" { (words.details) }
                    } }
                    tbody {
                        @for event in events {
                            @let (about, ip, details) = (text(event, "userId"), text(event, "ip"), json::text(at(event, "details")));
                            tr {
                                td { (moment(text(event, "createdAt"))) }
                                td {
                                    code { (text(event, "kind")) }
                                    @if text(event, "outcome") == "failure" { " " span.badge.bad { (words.failed) } }
                                }
                                td {
                                    @if !about.is_empty() { a href={ "/admin/users/" (about) } { (words.user_title) } }
                                    @if !ip.is_empty() { " " (ip) }
                                }
                                td { @if details.len() > 2 { code { (details) } } }
                            }
                        }
                    }
                }
            }
        }
        (next_page(view, answer))
    };
    page(view, words.events, false, &content)
}

//! The pages of what went wrong: nothing here, too much at once, a dependency down.

use maud::html;

use super::layout::{self, Width};
use super::visit::View;
use crate::error::{Code, Failure};
use crate::reply::Reply;

/// The page of a failure, with the status and the headers that the API's answer would have.
pub(super) fn page(view: &View, failure: &Failure) -> Reply {
    let words = view.words;
    let code = match failure {
        Failure::Rejected(rejection) => rejection.code,
        Failure::Unavailable(..) => Code::Unavailable,
        Failure::Internal(_) => Code::Internal,
    };
    let (title, lead) = match code {
        Code::NotFound | Code::UserNotFound => (words.not_found_title, words.not_found_lead),
        Code::RateLimited => (words.limited_title, words.limited_lead),
        Code::Unavailable => (words.trouble_title, words.trouble_lead),
        Code::Internal => (words.trouble_title, words.code(code)),
        _ => (words.refused_title, words.code(code)),
    };
    let again = matches!(code, Code::RateLimited | Code::Unavailable);
    let content = html! {
        h1 { (title) }
        p.lead { (lead) }
        p.actions {
            @if again { a.button.primary href=(view.address_with("", "")) { (words.try_again) } }
            a.button href="/" { (words.back_home) }
        }
    };
    let page = layout::page(view, Width::Narrow, title, false, &content);
    Reply::failure(failure).with_body_of(page)
}

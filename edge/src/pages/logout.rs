//! `/logout`: asks (GET), and ends the session (POST).

use maud::html;

use super::form::submit;
use super::layout::{self, Width, heading, see_other};
use super::step::Step;
use super::visit::View;
use crate::reply::Reply;
use crate::router::Resource;

pub(super) fn step() -> Step {
    Step::post(Resource::Logout, "{}".into(), "/login?done=signed-out")
}

pub(super) fn page(view: &View) -> Reply {
    let words = view.words;
    if view.user.is_none() {
        return see_other("/login");
    }
    let content = html! {
        (heading(view, words.sign_out_title, words.sign_out_lead))
        form method="post" action="/logout" data-enhance { (submit(view, words.sign_out_button)) }
        p.links { a href="/" { (words.stay) } }
    };
    layout::page(view, Width::Narrow, words.sign_out_title, false, &content)
}

//! `/logout`: asks (GET), and ends the session (POST).

use maud::html;

use super::form::{call, submit};
use super::layout::{self, Width, heading, see_other};
use super::visit::View;
use crate::context::Context;
use crate::error::Failure;
use crate::handlers;
use crate::host::Host;
use crate::reply::Reply;

const AFTERWARDS: &str = "/login?done=signed-out";

pub(super) fn get(view: &View) -> Reply {
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

pub(super) async fn post<H: Host>(ctx: &mut Context<H>) -> Result<Reply, Failure> {
    call(ctx, "{}".into());
    let reply = handlers::logout::post(ctx).await?;
    Ok(reply.see_other(AFTERWARDS))
}

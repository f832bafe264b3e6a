//! `GET /api/auth/me`: who am I.
//!
//! 200 `{user}` · 401 `UNAUTHENTICATED`. No flight when this instance read the session within the revocation bound, one
//! otherwise.

use crate::context::Context;
use crate::error::Failure;
use crate::host::Host;
use crate::reply::Reply;

pub(crate) async fn get<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let user = ctx.current_user().await?;
    Ok(Reply::user(&user))
}

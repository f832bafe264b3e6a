//! `POST /maintenance`: one tick, for hosts without a scheduler of their own. Any scheduler can call it every minute.
//!
//! With `Authorization: Bearer` and the configured `MAINTENANCE_TOKEN`: 200 with what was done · 401 `UNAUTHENTICATED` for
//! another token · 404 where none is configured.

use doorward_core::secret::constant_time_eq;
use http::{HeaderMap, StatusCode, header};

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::host::Host;
use crate::maintenance;
use crate::reply::Reply;

pub(crate) async fn post<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let token = ctx.config().maintenance_token.as_ref().ok_or(Code::NotFound)?;
    if !is_presented(token.expose(), &ctx.headers) {
        return Err(Code::Unauthenticated.into());
    }
    let report = maintenance::tick(&ctx.host, &ctx.instance)
        .await
        .inspect_err(|_| ctx.mark_logged())?;
    Ok(Reply::json(StatusCode::OK, &report))
}

/// Whether the request brings the token (RFC 6750, section 2.1).
fn is_presented(token: &str, headers: &HeaderMap) -> bool {
    let presented = headers.get(header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
    presented
        .and_then(|value| value.split_at_checked(7))
        .is_some_and(|(scheme, presented)| {
            scheme.eq_ignore_ascii_case(b"Bearer ") && constant_time_eq(presented, token.as_bytes())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_token_is_one() {
        let presents = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            is_presented("t0ken", &headers)
        };
        assert!(presents("Bearer t0ken") && presents("bearer t0ken"));
        for wrong in [
            "",
            "t0ken",
            "Bearer",
            "Bearer ",
            "Bearer t0ke",
            "Bearer t0kenn",
            "Basic t0ken",
            "Bearer  t0ken",
        ] {
            assert!(!presents(wrong), "{wrong}");
        }
        assert!(!is_presented("t0ken", &HeaderMap::new()));
    }
}

//! `GET /healthz`: 200 as long as the instance answers. It asks nothing of any dependency.

use http::StatusCode;
use serde_json::json;

use crate::reply::Reply;

pub(crate) fn get() -> Reply {
    Reply::json(StatusCode::OK, &json!({ "status": "ok" }))
}

//! Outbound HTTP by the runtime's `fetch`.

use bytes::Bytes;
use doorward_edge::host::{Fetch, FetchError};
use http::{Request, Response, StatusCode};
use worker::js_sys::{self, ArrayBuffer, Uint8Array};
use worker::wasm_bindgen::JsCast;
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{self, Headers, RequestInit, RequestRedirect, WorkerGlobalScope};

use crate::convert;

/// The runtime's `fetch`. It keeps its connections itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkersFetch;

impl Fetch for WorkersFetch {
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        send(request).await.map_err(|e| FetchError::Unreachable(e.to_string()))
    }
}

async fn send(request: Request<Bytes>) -> worker::Result<Response<Bytes>> {
    let (parts, body) = request.into_parts();
    let headers = Headers::new()?;
    for (name, value) in &parts.headers {
        headers.append(name.as_str(), value.to_str().unwrap_or_default())?;
    }
    let init = RequestInit::new();
    init.set_method(parts.method.as_str());
    init.set_headers(&headers);
    init.set_redirect(RequestRedirect::Manual);
    if !body.is_empty() {
        init.set_body(&Uint8Array::from(body.as_ref()));
    }
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    let answer = scope.fetch_with_str_and_init(&parts.uri.to_string(), &init);
    let answer: web_sys::Response = JsFuture::from(answer).await?.unchecked_into();
    let body: ArrayBuffer = JsFuture::from(answer.array_buffer()?).await?.unchecked_into();
    let mut converted = Response::new(Bytes::from(Uint8Array::new(&body).to_vec()));
    *converted.status_mut() = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::BAD_GATEWAY);
    *converted.headers_mut() = convert::headers(&answer.headers());
    Ok(converted)
}

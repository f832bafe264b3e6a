//! Outbound HTTP by the runtime's `fetch`.

use bytes::Bytes;
use doorward_edge::host::{Fetch, FetchError, MAX_ANSWER};
use http::{HeaderMap, Request, Response, StatusCode, header};
use worker::js_sys::{self, ArrayBuffer, Uint8Array};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{self, Headers, RequestInit, RequestRedirect, WorkerGlobalScope};

use crate::convert;

/// The runtime's `fetch`. It keeps its connections itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WorkersFetch;

impl Fetch for WorkersFetch {
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let response = send(request)
            .await
            .map_err(|e| FetchError::Unreachable(e.to_string()))?;
        if response.body().len() > MAX_ANSWER {
            return Err(FetchError::Unreachable("the answer is too long".to_owned()));
        }
        Ok(response)
    }
}

/// Of an answer that is too long, as much as shows that it is.
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
    let headers = convert::headers(&answer.headers());
    let mut converted = Response::new(whole(&answer, &headers).await?);
    *converted.status_mut() = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::BAD_GATEWAY);
    *converted.headers_mut() = headers;
    Ok(converted)
}

/// In one piece where the answer says how long it is, and that is not too long: each piece is two crossings.
async fn whole(answer: &web_sys::Response, headers: &HeaderMap) -> Result<Bytes, JsValue> {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let is_plain = !headers.contains_key(header::CONTENT_ENCODING);
    if is_plain && length.is_some_and(|length: usize| length <= MAX_ANSWER) {
        let body: ArrayBuffer = JsFuture::from(answer.array_buffer()?).await?.unchecked_into();
        return Ok(Bytes::from(Uint8Array::new(&body).to_vec()));
    }
    match answer.body() {
        Some(stream) => convert::read(&stream, MAX_ANSWER, MAX_ANSWER).await,
        None => Ok(Bytes::new()),
    }
}

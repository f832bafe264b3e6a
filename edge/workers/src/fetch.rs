//! Outbound HTTP by the runtime's `fetch`.

use bytes::Bytes;
use doorward_edge::host::{Fetch, FetchError, MAX_ANSWER};
use http::{Request, Response, StatusCode};
use worker::js_sys::Uint8Array;
use worker::{Headers, Method, RequestInit, RequestRedirect, ResponseBody};

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
    let headers = Headers::new();
    for (name, value) in &parts.headers {
        headers.append(name.as_str(), value.to_str().unwrap_or_default())?;
    }
    let mut init = RequestInit::new();
    init.with_method(Method::from(parts.method.to_string()))
        .with_headers(headers)
        .with_redirect(RequestRedirect::Manual);
    if !body.is_empty() {
        init.with_body(Some(Uint8Array::from(body.as_ref()).into()));
    }
    let request = worker::Request::new_with_init(&parts.uri.to_string(), &init)?;
    let response = worker::Fetch::Request(request).send().await?;
    let body = match response.body() {
        ResponseBody::Empty => Bytes::new(),
        ResponseBody::Body(bytes) => Bytes::copy_from_slice(bytes),
        ResponseBody::Stream(stream) => convert::read(stream, MAX_ANSWER, MAX_ANSWER).await?,
    };
    let mut converted = Response::new(body);
    *converted.status_mut() = StatusCode::from_u16(response.status_code()).unwrap_or(StatusCode::BAD_GATEWAY);
    *converted.headers_mut() = convert::headers(response.headers().entries());
    Ok(converted)
}

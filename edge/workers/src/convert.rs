//! Requests and replies between the Workers runtime's own types and `http`'s.

use bytes::{Bytes, BytesMut};
use doorward_edge::extract::{MAX_BODY, MAX_DRAINED};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use worker::js_sys::{self, Uint8Array};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{self, ReadableStreamDefaultReader};

use crate::stream::chunk;

/// A request that broke off, or with a method or an address that isn't one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unreadable;

/// The incoming request with its whole body, or as much of it as shows that it is too long.
///
/// # Errors
/// When no handler could be asked.
pub(crate) async fn request(request: &web_sys::Request) -> Result<Request<Bytes>, Unreadable> {
    let method = Method::from_bytes(request.method().as_bytes()).map_err(|_| Unreadable)?;
    let uri: Uri = request.url().parse().map_err(|_| Unreadable)?;
    let body = match request.body() {
        Some(stream) => read(&stream, MAX_BODY, MAX_DRAINED).await.map_err(|_| Unreadable)?,
        None => Bytes::new(),
    };
    let mut converted = Request::new(body);
    *converted.method_mut() = method;
    *converted.uri_mut() = uri;
    *converted.headers_mut() = headers(&request.headers());
    Ok(converted)
}

/// The reply, its body in one piece.
///
/// # Errors
/// When the runtime refuses a header or a status; none of ours.
pub(crate) fn response(response: Response<Bytes>) -> worker::Result<web_sys::Response> {
    let (parts, body) = response.into_parts();
    let headers = web_sys::Headers::new()?;
    for (name, value) in &parts.headers {
        headers.append(name.as_str(), value.to_str().unwrap_or_default())?;
    }
    let init = web_sys::ResponseInit::new();
    init.set_status(parts.status.as_u16());
    init.set_headers(&headers);
    let body: Option<js_sys::Object> = (!body.is_empty()).then(|| Uint8Array::from(body.as_ref()).into());
    Ok(web_sys::Response::new_with_opt_buffer_source_and_init(
        body.as_ref(),
        &init,
    )?)
}

/// The headers; one that isn't plain text is left out, as no handler reads such a one.
///
/// They cross over as one string, `name,value` in a line each, because every crossing costs about as much as all of this: a
/// name has no comma and a value no line feed.
pub(crate) fn headers(headers: &web_sys::Headers) -> HeaderMap {
    let lines = String::from(js_sys::Array::<JsValue>::from(headers).join("\n"));
    let pairs = lines.split('\n').filter_map(|line| line.split_once(','));
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    headers
}

/// A body's bytes, or as many of them as show that they are more than `most`. What comes behind is still taken off the wire, up
/// to `drained` bytes in all.
pub(crate) async fn read(stream: &web_sys::ReadableStream, most: usize, drained: usize) -> Result<Bytes, JsValue> {
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let mut bytes = BytesMut::new();
    let mut taken = 0;
    while taken <= drained {
        let Some(chunk) = chunk(&JsFuture::from(reader.read()).await?)? else {
            break;
        };
        taken += chunk.len();
        if bytes.len() <= most {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok(bytes.freeze())
}

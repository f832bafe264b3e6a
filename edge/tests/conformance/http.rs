//! `Fetch` over a plain socket: HTTP/1.1, a connection for each request, and no patience for a body that is cut short.

use bytes::Bytes;
use doorward_edge::host::{Fetch, FetchError};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Clone, Copy)]
pub(crate) struct HttpClient;

impl Fetch for HttpClient {
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let unreachable = |error: std::io::Error| FetchError::Unreachable(error.to_string());
        let authority = request.uri().authority().unwrap().as_str();
        let mut stream = TcpStream::connect(authority).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        stream.write_all(&encode(&request)).await.map_err(unreachable)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.map_err(unreachable)?;
        decode(&answer).ok_or_else(|| FetchError::Unreachable("the answer was cut short".to_owned()))
    }
}

fn encode(request: &Request<Bytes>) -> Vec<u8> {
    let path = request.uri().path_and_query().unwrap();
    let mut bytes = format!("{} {path} HTTP/1.1\r\n", request.method()).into_bytes();
    let host = request.uri().authority().unwrap().as_str();
    bytes.extend(
        format!(
            "host: {host}\r\nconnection: close\r\ncontent-length: {}\r\n",
            request.body().len()
        )
        .bytes(),
    );
    for (name, value) in request.headers() {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes.extend(request.body());
    bytes
}

/// A whole answer with a content-length, or none.
fn decode(answer: &[u8]) -> Option<Response<Bytes>> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let body = &answer[end + 4..];
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut response = Response::builder().status(status);
    let mut length = None;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok();
        }
        response = response.header(name, value.trim());
    }
    let body = Bytes::copy_from_slice(body);
    (length == Some(body.len())).then(|| response.body(body).ok()).flatten()
}

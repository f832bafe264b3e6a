//! A byte stream over a socket of the runtime.
//!
//! Its reader and its writer are taken once and kept. The `worker` crate's own socket lets go of them after each read and
//! each write, for which the runtime makes an error with a stack trace, in case somebody else waits for them.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use worker::js_sys::{self, Uint8Array};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{ReadableStreamDefaultReader, WritableStreamDefaultWriter};
use worker::worker_sys;

/// Both directions. At most one read and one write are under way.
pub(crate) struct Stream {
    reader: ReadableStreamDefaultReader,
    writer: WritableStreamDefaultWriter,
    reading: Option<JsFuture>,
    writing: Option<JsFuture>,
    /// What came and wasn't taken yet.
    unread: Bytes,
}

impl Stream {
    /// Over a socket that nobody else reads or writes.
    ///
    /// # Errors
    /// When the runtime has none to give.
    pub(crate) fn new(socket: &worker_sys::Socket) -> Result<Self, JsValue> {
        Ok(Self {
            reader: socket.readable()?.get_reader().unchecked_into(),
            writer: socket.writable()?.get_writer()?,
            reading: None,
            writing: None,
            unread: Bytes::new(),
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            let mut reading = self
                .reading
                .take()
                .unwrap_or_else(|| JsFuture::from(self.reader.read()));
            let Poll::Ready(result) = Pin::new(&mut reading).poll(cx) else {
                self.reading = Some(reading);
                return Poll::Pending;
            };
            match result.and_then(|result| chunk(&result)).map_err(|e| broken(&e))? {
                Some(bytes) => self.unread = bytes,
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.unread.len().min(out.remaining());
        out.put_slice(&self.unread.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    /// The bytes are the runtime's at once; that it has them is waited for by the next write, or by a flush.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.as_mut().poll_flush(cx))?;
        let written = self.writer.write_with_chunk(&Uint8Array::from(bytes));
        self.writing = Some(JsFuture::from(written));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(writing) = &mut self.writing {
            let result = ready!(Pin::new(writing).poll(cx));
            self.writing = None;
            result.map_err(|e| broken(&e))?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// What a read brought; none at the end.
pub(crate) fn chunk(result: &JsValue) -> Result<Option<Bytes>, JsValue> {
    if js_sys::Reflect::get(result, &"done".into())?.is_truthy() {
        return Ok(None);
    }
    let value: Uint8Array = js_sys::Reflect::get(result, &"value".into())?.unchecked_into();
    Ok(Some(Bytes::from(value.to_vec())))
}

/// An error of the runtime in words, without its stack.
pub(crate) fn said(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => error.to_string().into(),
        None => format!("{error:?}"),
    }
}

fn broken(error: &JsValue) -> io::Error {
    io::Error::other(said(error))
}

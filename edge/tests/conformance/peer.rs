//! Peers that stand between an adapter and its server, or in its place: they record, replay, cut, and keep silent.

use std::future::Future;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The server's address behind a peer.
pub(crate) type Upstream = (String, u16);

/// Serves connections, one task each, until it is dropped.
pub(crate) struct Peer {
    pub(crate) port: u16,
    task: JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peer {
    async fn serving<F, T>(serve: F) -> Self
    where
        F: Fn(TcpStream) -> T + 'static + Send,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        Self { port, task }
    }

    /// Says these bytes to everyone, and no more.
    pub(crate) async fn saying(bytes: Vec<u8>) -> Self {
        Self::serving(move |mut stream| {
            let bytes = bytes.clone();
            async move {
                // The other side may be gone before it has heard all, which is its right.
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            }
        })
        .await
    }

    /// Says these bytes, and then neither speaks nor closes.
    pub(crate) async fn silent_after(bytes: Vec<u8>) -> Self {
        Self::serving(move |mut stream| {
            let bytes = bytes.clone();
            async move {
                let _ = stream.write_all(&bytes).await;
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            }
        })
        .await
    }

    /// Passes on what both sides say, but only the first `limit` bytes of the server's.
    pub(crate) async fn cutting(upstream: Upstream, limit: usize) -> Self {
        Self::serving(move |client| {
            let upstream = upstream.clone();
            async move {
                let server = TcpStream::connect(upstream).await.unwrap();
                between(client, server, limit).await;
            }
        })
        .await
    }
}

/// A port on which nobody listens.
pub(crate) async fn nobody() -> u16 {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    listener.local_addr().unwrap().port()
}

/// Passes one connection on to the server; what the server said comes out once both have closed.
pub(crate) async fn recording(upstream: Upstream) -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let record = tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(upstream).await.unwrap();
        between(client, server, usize::MAX).await
    });
    (port, record)
}

/// Passes on in both directions; what the server said, up to `limit` bytes, after which both connections are closed.
async fn between(client: TcpStream, server: TcpStream, limit: usize) -> Vec<u8> {
    let (mut client_reads, client_writes) = client.into_split();
    let (server_reads, mut server_writes) = server.into_split();
    let requests = async move {
        let _ = tokio::io::copy(&mut client_reads, &mut server_writes).await;
        let _ = server_writes.shutdown().await;
    };
    let requests = tokio::spawn(requests);
    let said = replies(server_reads, client_writes, limit).await;
    requests.abort();
    said
}

async fn replies(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, limit: usize) -> Vec<u8> {
    let mut said = Vec::new();
    while said.len() < limit {
        let before = said.len();
        if from.read_buf(&mut said).await.unwrap_or(0) == 0 {
            break;
        }
        said.truncate(limit);
        if to.write_all(&said[before..]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
    said
}

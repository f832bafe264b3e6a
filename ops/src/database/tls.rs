//! An encrypted connection to Postgres, to the server whose name the URL has and to no other.
//!
//! `sslmode=require` means the same as `verify-full` here, unlike in libpq, where it takes any certificate: whoever stands
//! between could read everything. Roots are the system's, and those of `sslrootcert=FILE`.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{Context as _, anyhow, bail};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as Encrypted;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What a URL says of encryption, besides what `tokio-postgres` reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Whether to encrypt.
    pub(crate) encrypt: bool,
    /// A file of roots to trust besides the system's.
    pub(crate) roots: Option<PathBuf>,
}

/// Takes what is about encryption out of a connection string, be it a URL or `name=value` pairs.
///
/// # Errors
/// For a mode that isn't one of libpq's.
pub(super) fn split(url: &str) -> anyhow::Result<(String, Wanted)> {
    let mut wanted = Wanted::default();
    let mut kept = Vec::new();
    let (address, pairs, between) = match url.split_once("://") {
        Some(_) => match url.split_once('?') {
            Some((address, query)) => (address, query.split('&').collect::<Vec<_>>(), "&"),
            None => (url, Vec::new(), "&"),
        },
        None => ("", url.split_whitespace().collect(), " "),
    };
    for pair in pairs {
        match pair.split_once('=') {
            Some(("sslmode", "require" | "verify-ca" | "verify-full")) => wanted.encrypt = true,
            Some(("sslmode", "disable" | "allow" | "prefer") | ("sslrootcert", "system")) => {}
            Some(("sslmode", other)) => bail!("sslmode={other}: it is disable, require or verify-full"),
            Some(("sslrootcert", path)) => wanted.roots = Some(PathBuf::from(path)),
            _ => kept.push(pair),
        }
    }
    let kept = kept.join(between);
    let rest = match (address, kept.as_str()) {
        ("", pairs) => pairs.to_owned(),
        (address, "") => address.to_owned(),
        (address, query) => format!("{address}?{query}"),
    };
    Ok((rest, wanted))
}

/// Makes encrypted connections.
#[derive(Clone)]
pub(super) struct Encrypting(TlsConnector);

impl Encrypting {
    /// Trusts the system's roots and those of the file.
    ///
    /// # Errors
    /// When there are none, or the file can't be read.
    pub(super) fn new(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(file) = file {
            let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
            let certificates: Vec<_> =
                certificates.with_context(|| format!("can't read sslrootcert {}", file.display()))?;
            if roots.add_parsable_certificates(certificates).0 == 0 {
                bail!("sslrootcert {} has no certificate", file.display());
            }
        }
        if roots.is_empty() {
            return Err(anyhow!(
                "this machine has no root certificates; name a file with sslrootcert"
            ));
        }
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Encrypting {
    type Stream = Stream<S>;
    type TlsConnect = To;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<To> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(To(self.0.clone(), name))
    }
}

/// A connection to be made to this server.
pub(super) struct To(TlsConnector, ServerName<'static>);

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for To {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { Ok(Stream(self.0.connect(self.1, stream).await?)) })
    }
}

/// An encrypted stream.
pub(super) struct Stream<S>(Encrypted<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        // The certificate was verified by name: SCRAM needn't be tied to it.
        ChannelBinding::none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_encryption_is_taken_out() {
        for (url, rest, encrypt, roots) in [
            ("postgres://u:p@h/d", "postgres://u:p@h/d", false, None),
            ("postgres://u:p@h/d?sslmode=require", "postgres://u:p@h/d", true, None),
            (
                "postgres://u:p@h/d?connect_timeout=3&sslmode=verify-full&sslrootcert=/etc/ca.pem&options=x",
                "postgres://u:p@h/d?connect_timeout=3&options=x",
                true,
                Some("/etc/ca.pem"),
            ),
            (
                "postgres://h/d?sslmode=prefer&sslrootcert=system",
                "postgres://h/d",
                false,
                None,
            ),
            ("host=h sslmode=verify-ca dbname=d", "host=h dbname=d", true, None),
        ] {
            let wanted = Wanted {
                encrypt,
                roots: roots.map(PathBuf::from),
            };
            assert_eq!(split(url).unwrap(), (rest.to_owned(), wanted), "{url}");
        }
        assert!(split("postgres://h/d?sslmode=yes").is_err());
    }
}

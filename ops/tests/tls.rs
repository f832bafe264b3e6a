//! Encrypted connections of the command line: to the server that has the certificate, and to nobody else.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use support::{Database, json, refusal, stderr};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// A server in front of a database that takes encrypted connections only, with a certificate of its own.
struct Front {
    address: String,
    /// The certificate, for whoever is to trust it.
    root: PathBuf,
    /// How many connections were encrypted.
    encrypted: Arc<AtomicU32>,
    _runtime: Runtime,
}

impl Front {
    fn start(database: &Database, name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = format!("root-{}-{number}.pem", std::process::id());
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
        fs::write(&root, made.cert.pem()).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let encrypted: Arc<AtomicU32> = Arc::default();
        let (target, count) = (database.address(), Arc::clone(&encrypted));
        runtime.spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let (acceptor, target, count) = (acceptor.clone(), target.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    // SSLRequest (PostgreSQL manual, section 54.7): length 8, then 80877103.
                    let mut request = [0; 8];
                    client.read_exact(&mut request).await.unwrap();
                    assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47], "in the clear");
                    client.write_all(b"S").await.unwrap();
                    if let Ok(mut client) = acceptor.accept(client).await {
                        count.fetch_add(1, Ordering::Relaxed);
                        let mut server = TcpStream::connect(target).await.unwrap();
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self {
            address,
            root,
            encrypted,
            _runtime: runtime,
        }
    }

    /// The database's URL through here, with the host's name as the certificate would have it.
    fn url(&self, database: &Database, query: &str) -> String {
        let url = database.url_at(&self.address.replace("127.0.0.1", "localhost"));
        format!("{url}?{query}").replace("{root}", self.root.to_str().unwrap())
    }

    fn encrypted(&self) -> u32 {
        self.encrypted.load(Ordering::Relaxed)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.root);
    }
}

#[test]
fn a_server_with_the_right_certificate_is_spoken_to_encrypted() {
    let database = Database::migrated();
    let front = Front::start(&database, "localhost");
    for (number, mode) in (1..).zip(["require", "verify-full"]) {
        let url = front.url(&database, &format!("sslmode={mode}&sslrootcert={{root}}"));
        let output = database
            .command(&["users", "list", "--json", "--database-url", &url])
            .output()
            .unwrap();
        assert!(output.status.success(), "{mode}: {}", stderr(&output));
        assert_eq!(json(&output)["users"], serde_json::json!([]));
        assert_eq!(front.encrypted(), number);
    }
}

#[test]
fn any_other_server_is_not_spoken_to() {
    let database = Database::migrated();
    let (front, stranger) = (
        Front::start(&database, "localhost"),
        Front::start(&database, "db.example.com"),
    );
    let ask = |url: &str| refusal(&database.doorward(&["users", "list", "--database-url", url]));
    for mode in ["require", "verify-full"] {
        let unknown = ask(&front.url(&database, &format!("sslmode={mode}")));
        assert!(unknown.contains("UnknownIssuer"), "{unknown}");
        let other = ask(&stranger.url(&database, &format!("sslmode={mode}&sslrootcert={{root}}")));
        assert!(other.contains("not valid for name"), "{other}");
        // The server itself: it hasn't been told of any certificate.
        let plain = ask(&format!("{}?sslmode={mode}", database.url()));
        assert!(plain.contains("does not support TLS"), "{plain}");
    }
    assert_eq!(front.encrypted() + stranger.encrypted(), 0);
    let password = database
        .url()
        .split(':')
        .nth(2)
        .unwrap()
        .split('@')
        .next()
        .unwrap()
        .to_owned();
    for query in ["sslmode=yes", "sslmode=require&sslrootcert=/nowhere/ca.pem"] {
        let why = ask(&front.url(&database, query));
        assert!(why.contains("sslmode=yes") || why.contains("/nowhere/ca.pem"), "{why}");
        assert!(!why.contains(&format!(":{password}@")), "{why}");
    }
}

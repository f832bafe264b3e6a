//! Who is let in, and how.

use doorward_edge::host::SqlError;
use doorward_edge::wire::pg::{Batch, Limits, Login, Session, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::adapter::{Adapter, Kind};
use crate::sql::{Case, cases, one, value};

cases! { pub(crate) CASES: Case =
    the_server_asked_as_the_name_says,
    a_wrong_password_is_refused,
    an_unknown_database_is_refused,
}

async fn the_server_asked_as_the_name_says(adapter: &Adapter) {
    // Authentication's code (PostgreSQL manual, "Message Formats"), and what the server says of it afterwards.
    let (code, method) = match adapter.kind {
        Kind::Trust | Kind::TrustAssumed => (0, None),
        Kind::Cleartext | Kind::CleartextAssumed => (3, Some("password:doorward_cleartext")),
        Kind::Md5 => (5, Some("md5:doorward_md5")),
        Kind::Scram | Kind::Http => (10, Some("scram-sha-256:doorward_scram")),
    };
    assert_eq!(asked(adapter).await, code);
    assert_eq!(
        value(&adapter.sql(), "SELECT system_user", &[]).await.as_deref(),
        method
    );
}

/// What the server asks of the adapter's role.
async fn asked(adapter: &Adapter) -> u32 {
    let mut stream = TcpStream::connect(adapter.environment.postgres()).await.unwrap();
    let mut session = Session::new(
        Login::new(adapter.kind.role(), adapter.kind.database()),
        Limits::default(),
    );
    session.submit(&Batch::new()).unwrap();
    let Step::Write(startup) = session.step().unwrap() else {
        panic!("no startup message")
    };
    stream.write_all(&startup).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'R');
    stream.read_u32().await.unwrap();
    stream.read_u32().await.unwrap()
}

async fn a_wrong_password_is_refused(adapter: &Adapter) {
    let sql = adapter.with_password("wrong");
    let result = one(&sql, "SELECT 1", &[]).await;
    if matches!(adapter.kind, Kind::Trust | Kind::TrustAssumed) {
        assert!(result.is_ok());
        return;
    }
    assert!(
        matches!(&result, Err(SqlError::Database(error)) if error.code == "28P01"),
        "{result:?}"
    );
    assert!(value(&adapter.sql(), "SELECT 'right'", &[]).await.is_some());
}

async fn an_unknown_database_is_refused(adapter: &Adapter) {
    let result = one(&adapter.with_database("doorward_conformance_nowhere"), "SELECT 1", &[]).await;
    assert!(
        matches!(&result, Err(SqlError::Database(error)) if error.code == "3D000"),
        "{result:?}"
    );
}

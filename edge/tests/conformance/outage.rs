//! Connections that are refused, killed, cut and silent: always an error, in time, and all is well afterwards.

use std::time::{Duration, Instant};

use doorward_edge::host::{Kv, KvError, Sql, SqlError};
use doorward_edge::outbound::within;
use tokio::time::sleep;

use crate::adapter::{Adapter, Kind};
use crate::environment::Environment;
use crate::kv::{self, command, rest, rest_at};
use crate::peer::{Peer, Upstream, nobody, recording};
use crate::sql::{self, cases, one, statement, value};

cases! { pub(crate) SQL: sql::Case =
    a_reply_cut_anywhere_is_an_error,
    a_connection_cut_by_the_network_is_an_error,
    a_connection_killed_under_a_statement_is_an_error,
    a_server_that_isnt_there_is_unreachable,
    a_silent_server_is_left_at_the_deadline,
    another_protocol_is_an_error,
}

cases! { pub(crate) KV: kv::Case =
    a_kv_reply_cut_anywhere_is_an_error,
    a_kv_service_that_isnt_there_is_unreachable,
    a_silent_kv_service_is_left_at_the_deadline,
    a_wrong_token_is_refused,
    another_kv_protocol_is_an_error,
}

/// The server behind the adapter: Postgres, or the HTTP proxy.
fn upstream(adapter: &Adapter) -> Upstream {
    if adapter.kind == Kind::Http {
        address(&adapter.environment.sql_url)
    } else {
        adapter.environment.postgres()
    }
}

fn address(url: &str) -> Upstream {
    let uri: http::Uri = url.parse().unwrap();
    (uri.host().unwrap().to_owned(), uri.port_u16().unwrap_or(80))
}

const BATCH: &str = "SELECT 'é', NULL, repeat('x', 20)";

/// What the server says, from the first byte to the last, to one batch.
async fn recorded(adapter: &Adapter) -> Vec<u8> {
    let (port, record) = recording(upstream(adapter)).await;
    let sql = adapter.at(port);
    one(&sql, BATCH, &[]).await.unwrap();
    drop(sql);
    record.await.unwrap()
}

async fn a_reply_cut_anywhere_is_an_error(adapter: &Adapter) {
    // A server can't repeat itself in SCRAM: its words depend on the client's.
    if adapter.kind == Kind::Scram {
        return;
    }
    let whole = recorded(adapter).await;
    let ends_with_the_batch = whole.len();
    for length in 0..ends_with_the_batch {
        let peer = Peer::saying(whole[..length].to_vec()).await;
        let result = one(&adapter.at(peer.port), BATCH, &[]).await;
        assert!(
            matches!(result, Err(SqlError::Unreachable(_))),
            "cut at {length} of {}: {result:?}",
            whole.len()
        );
    }
    let peer = Peer::saying(whole).await;
    assert_eq!(one(&adapter.at(peer.port), BATCH, &[]).await.unwrap().rows.len(), 1);
}

async fn a_connection_cut_by_the_network_is_an_error(adapter: &Adapter) {
    let whole = recorded(adapter).await.len();
    for length in (0..whole).step_by(23).chain([whole - 1]) {
        let peer = Peer::cutting(upstream(adapter), length).await;
        let result = one(&adapter.at(peer.port), BATCH, &[]).await;
        assert!(
            matches!(result, Err(SqlError::Unreachable(_))),
            "cut at {length} of {whole}: {result:?}"
        );
    }
}

async fn a_connection_killed_under_a_statement_is_an_error(adapter: &Adapter) {
    let (victim, killer) = (adapter.sql(), adapter.sql());
    one(&victim, "CREATE TABLE killed (id int)", &[]).await.unwrap();
    let batch = [
        statement("INSERT INTO killed VALUES (1)", &[]),
        statement("SELECT pg_sleep(40) AS asleep", &[]),
    ];
    let kill = async {
        let text = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = current_database() \
                    AND pid <> pg_backend_pid() AND query = 'SELECT pg_sleep(40) AS asleep'";
        while one(&killer, text, &[]).await.unwrap().rows.is_empty() {}
    };
    let start = Instant::now();
    let (result, ()) = tokio::join!(victim.batch(&batch), kill);
    assert!(matches!(result, Err(SqlError::Unreachable(_))), "{result:?}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert_eq!(
        value(&victim, "SELECT count(*)::text FROM killed", &[])
            .await
            .as_deref(),
        Some("0")
    );
}

async fn a_server_that_isnt_there_is_unreachable(adapter: &Adapter) {
    let result = one(&adapter.at(nobody().await), BATCH, &[]).await;
    assert!(matches!(result, Err(SqlError::Unreachable(_))), "{result:?}");
}

async fn a_silent_server_is_left_at_the_deadline(adapter: &Adapter) {
    let deadline = || sleep(Duration::from_millis(100));
    let mut beginnings = vec![vec![]];
    if adapter.kind != Kind::Scram {
        let whole = recorded(adapter).await;
        beginnings.push(whole[..whole.len() / 2].to_vec());
        beginnings.push(whole[..whole.len() - 1].to_vec());
    }
    for beginning in beginnings {
        let peer = Peer::silent_after(beginning).await;
        let sql = adapter.at(peer.port);
        assert_eq!(within(deadline(), one(&sql, BATCH, &[])).await, Err(SqlError::Timeout));
    }
}

async fn another_protocol_is_an_error(adapter: &Adapter) {
    for words in [
        &b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        &[0xff; 64],
    ] {
        let peer = Peer::saying(words.to_vec()).await;
        let result = one(&adapter.at(peer.port), BATCH, &[]).await;
        let expected = matches!(result, Err(SqlError::Protocol(_) | SqlError::Unreachable(_)));
        assert!(expected, "{result:?}");
    }
}

async fn a_kv_reply_cut_anywhere_is_an_error(environment: &Environment) {
    let commands = [command(&["ECHO", "é"]), command(&["PING"]), command(&["NONSENSE"])];
    let (port, record) = recording(address(&environment.redis_url)).await;
    let whole_reply = rest_at(environment, port).pipeline(&commands).await.unwrap();
    let whole = record.await.unwrap();
    for length in 0..whole.len() {
        let peer = Peer::saying(whole[..length].to_vec()).await;
        let result = rest_at(environment, peer.port).pipeline(&commands).await;
        assert!(
            matches!(result, Err(KvError::Unreachable(_))),
            "cut at {length} of {}: {result:?}",
            whole.len()
        );
    }
    let peer = Peer::saying(whole).await;
    assert_eq!(
        rest_at(environment, peer.port).pipeline(&commands).await,
        Ok(whole_reply)
    );
}

async fn a_kv_service_that_isnt_there_is_unreachable(environment: &Environment) {
    let result = rest_at(environment, nobody().await)
        .pipeline(&[command(&["PING"])])
        .await;
    assert!(matches!(result, Err(KvError::Unreachable(_))), "{result:?}");
}

async fn a_silent_kv_service_is_left_at_the_deadline(environment: &Environment) {
    let peer = Peer::silent_after(vec![]).await;
    let kv = rest_at(environment, peer.port);
    let ping = [command(&["PING"])];
    assert_eq!(
        within(sleep(Duration::from_millis(100)), kv.pipeline(&ping)).await,
        Err(KvError::Timeout)
    );
}

async fn a_wrong_token_is_refused(environment: &Environment) {
    let mut other = environment.clone();
    other.redis_token.push('x');
    let result = rest(&other).pipeline(&[command(&["PING"])]).await;
    assert!(matches!(result, Err(KvError::Protocol(_))), "{result:?}");
}

async fn another_kv_protocol_is_an_error(environment: &Environment) {
    let peer = Peer::saying(b"-ERR unknown command 'POST'\r\n".to_vec()).await;
    let result = rest_at(environment, peer.port).pipeline(&[command(&["PING"])]).await;
    assert!(matches!(result, Err(KvError::Unreachable(_))), "{result:?}");
}

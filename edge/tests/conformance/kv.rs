//! What every adapter of `Kv` does alike.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::process;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use doorward_edge::host::{Command, Kv, Reply};
use doorward_edge::outbound::rest_kv::RestKv;
use doorward_edge::wire::redis_rest::RedisRest;
use futures_util::future::{LocalBoxFuture, join_all};

use crate::environment::Environment;
use crate::http::HttpClient;
use crate::sql::cases;

/// A case, run once with each adapter.
pub(crate) type Case = for<'a> fn(&'a Environment) -> LocalBoxFuture<'a, ()>;

cases! { pub(crate) CASES: Case =
    values_survive,
    every_kind_of_reply_is_told,
    replies_come_in_order,
    nothing_is_nothing,
    an_error_leaves_the_rest_of_the_pipeline,
    a_script_is_atomic,
    a_script_that_fails_is_an_error,
    large_values_survive,
}

pub(crate) fn command(words: &[&str]) -> Command<'static> {
    words.iter().map(|word| Cow::Owned((*word).to_owned())).collect()
}

/// The adapter for the real service.
pub(crate) fn rest(environment: &Environment) -> RestKv<HttpClient> {
    RestKv::new(
        HttpClient,
        Rc::new(RedisRest::new(&environment.redis_url, &environment.redis_token).unwrap()),
    )
}

/// The adapter for a peer on the loopback.
pub(crate) fn rest_at(environment: &Environment, port: u16) -> RestKv<HttpClient> {
    let url = format!("http://127.0.0.1:{port}");
    RestKv::new(
        HttpClient,
        Rc::new(RedisRest::new(&url, &environment.redis_token).unwrap()),
    )
}

/// A key that no other case has, and that goes away by itself if the case doesn't end.
fn key() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!(
        "conformance:{}:{}",
        process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

fn text(value: &str) -> Reply {
    Reply::Text(value.to_owned())
}

async fn values_survive(environment: &Environment) {
    let kv = rest(environment);
    let key = key();
    for value in [
        "",
        "plain",
        "é e\u{301} 漢字 🦀 \u{10ffff}",
        "\"quotes\" \\ back",
        "\0\u{1}\r\n\t\u{7f}",
        "OK",
        "null",
        "1",
        "[1]",
    ] {
        let commands = [
            command(&["SET", &key, value, "EX", "60"]),
            command(&["GET", &key]),
            command(&["STRLEN", &key]),
            command(&["DEL", &key]),
        ];
        let length = i64::try_from(value.len()).unwrap();
        let expected = [text("OK"), text(value), Reply::Integer(length), Reply::Integer(1)];
        assert_eq!(kv.pipeline(&commands).await.unwrap(), expected, "{value:?}");
    }
}

async fn every_kind_of_reply_is_told(environment: &Environment) {
    let (kv, hash) = (rest(environment), key());
    let replies = kv
        .pipeline(&[
            command(&["GET", &hash]),
            command(&["HSET", &hash, "name", "é", "n", "1"]),
            command(&["EXPIRE", &hash, "60"]),
            command(&["HMGET", &hash, "n", "none", "name"]),
            command(&["HINCRBY", &hash, "n", "9223372036854775806"]),
            command(&["HGETALL", &hash]),
            command(&[
                "EVAL",
                "return {1, 'a', {false, {'b'}}, redis.status_reply('fine')}",
                "0",
            ]),
            command(&["DEL", &hash]),
            command(&["HGETALL", &hash]),
            command(&["TTL", &hash]),
        ])
        .await
        .unwrap();
    let expected = [
        Reply::Nil,
        Reply::Integer(2),
        Reply::Integer(1),
        Reply::Array(vec![text("1"), Reply::Nil, text("é")]),
        Reply::Integer(i64::MAX),
        Reply::Array(vec![text("name"), text("é"), text("n"), text("9223372036854775807")]),
        Reply::Array(vec![
            Reply::Integer(1),
            text("a"),
            Reply::Array(vec![Reply::Nil, Reply::Array(vec![text("b")])]),
            text("fine"),
        ]),
        Reply::Integer(1),
        Reply::Array(vec![]),
        Reply::Integer(-2),
    ];
    assert_eq!(replies, expected);
}

async fn replies_come_in_order(environment: &Environment) {
    let words: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let commands: Vec<_> = words.iter().map(|word| command(&["ECHO", word])).collect();
    let replies = rest(environment).pipeline(&commands).await.unwrap();
    assert_eq!(replies, words.iter().map(|word| text(word)).collect::<Vec<_>>());
}

async fn nothing_is_nothing(environment: &Environment) {
    assert_eq!(rest(environment).pipeline(&[]).await, Ok(vec![]));
}

async fn an_error_leaves_the_rest_of_the_pipeline(environment: &Environment) {
    let (kv, list) = (rest(environment), key());
    let replies = kv
        .pipeline(&[
            command(&["RPUSH", &list, "a"]),
            command(&["INCR", &list]),
            command(&["NONSENSE"]),
            command(&["GET"]),
            command(&["EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", "0"]),
            command(&["DEL", &list]),
        ])
        .await
        .unwrap();
    let errors: Vec<_> = replies[1..5]
        .iter()
        .map(|reply| match reply {
            Reply::Error(text) => text.split(' ').next().unwrap_or_default(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(errors, ["WRONGTYPE", "ERR", "ERR", "NOSCRIPT"]);
    assert_eq!((&replies[0], &replies[5]), (&Reply::Integer(1), &Reply::Integer(1)));
}

async fn a_script_is_atomic(environment: &Environment) {
    // Read, then write: were the script not atomic, two would read the same.
    let script = "local n = tonumber(redis.call('GET', KEYS[1]) or '0') + tonumber(ARGV[1]) \
                  redis.call('SET', KEYS[1], n, 'EX', 60) return {n, ARGV[2]}";
    let counter = key();
    let take = async |name: String| {
        let one = command(&["EVAL", script, "1", &counter, "1", &name]);
        rest(environment)
            .pipeline(&vec![one; 25])
            .await
            .unwrap()
            .into_iter()
            .map(move |reply| match reply {
                Reply::Array(parts) => match <[Reply; 2]>::try_from(parts) {
                    Ok([Reply::Integer(number), echo]) if echo == text(&name) => number,
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            })
    };
    let taken = join_all((0..8).map(|number| take(number.to_string()))).await;
    let numbers: BTreeSet<i64> = taken.into_iter().flatten().collect();
    assert_eq!(numbers, (1..=200).collect());
    assert_eq!(
        rest(environment).pipeline(&[command(&["DEL", &counter])]).await,
        Ok(vec![Reply::Integer(1)])
    );
}

async fn a_script_that_fails_is_an_error(environment: &Environment) {
    let replies = rest(environment)
        .pipeline(&[
            command(&["EVAL", "return redis.error_reply('LIMIT too many')", "0"]),
            command(&["EVAL", "this is no script", "0"]),
            command(&["PING"]),
        ])
        .await
        .unwrap();
    assert_eq!(replies[0], Reply::Error("LIMIT too many".to_owned()));
    assert!(
        matches!(&replies[1], Reply::Error(text) if text.starts_with("ERR")),
        "{:?}",
        replies[1]
    );
    assert_eq!(replies[2], text("PONG"));
}

async fn large_values_survive(environment: &Environment) {
    let (kv, key) = (rest(environment), key());
    let large = "0123456789abcd\u{e9}".repeat(1 << 14);
    let commands = [
        command(&["SET", &key, &large, "EX", "60"]),
        command(&["GET", &key]),
        command(&["DEL", &key]),
    ];
    assert_eq!(
        kv.pipeline(&commands).await.unwrap(),
        [text("OK"), text(&large), Reply::Integer(1)]
    );
}

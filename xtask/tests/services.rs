//! The services come up, survive a kill, and end with their owner. Installs them on first use.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;

use xtask::services::postgres::{self, Postgres, Purpose};
use xtask::services::valkey::Valkey;
use xtask::{paths, probe};

fn scratch(name: &str) -> PathBuf {
    let dir = paths::state().join(format!("stacks/xtask-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[test]
fn postgres_survives_a_kill_on_its_port_and_ends_on_drop() {
    let dir = scratch("postgres");
    let (data, log) = (dir.join("postgres"), dir.join("log"));
    let mut server = Postgres::launch(&data, probe::free_port().unwrap(), Purpose::Test, &log).unwrap();
    let (port, url) = (server.port(), server.url());
    assert!(url.starts_with("postgres://doorward:") && url.ends_with(&format!("@127.0.0.1:{port}/doorward")));
    assert!(answers(port) && server.is_running());
    server.kill();
    assert!(!answers(port) && !server.is_running());
    server.start().unwrap();
    assert!(answers(port));
    server.stop();
    assert!(!answers(port));
    server.start().unwrap();
    assert_eq!(server.url(), url);
    drop(server);
    assert!(!answers(port));

    // The data and the password are there for the next one.
    let again = Postgres::launch(&data, probe::free_port().unwrap(), Purpose::Development, &log).unwrap();
    assert_eq!(again.url().split('@').next(), url.split('@').next());
    drop(again);
    postgres::remove(&data);
    assert!(!data.exists());
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn valkey_wants_its_password_and_survives_a_kill() {
    let dir = scratch("valkey");
    let mut server = Valkey::launch(&dir, probe::free_port().unwrap(), false, &dir.join("log")).unwrap();
    let port = server.port();
    let answer = probe::exchange(port, b"*1\r\n$4\r\nPING\r\n", |answer| answer.ends_with(b"\r\n")).unwrap();
    assert!(answer.starts_with(b"-NOAUTH"), "{}", String::from_utf8_lossy(&answer));
    server.kill();
    assert!(!answers(port) && !server.is_running());
    server.start().unwrap();
    assert!(answers(port));
    drop(server);
    assert!(!answers(port));
    fs::remove_dir_all(dir).unwrap();
}

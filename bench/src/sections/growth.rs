//! Growth: each operation with ten thousand users, a hundred thousand, and a million, each in a database of its own, so
//! that they take turns like everybody else.

use anyhow::{Context, Result};
use postgres::NoTls;
use xtask::bench_peers::Route;
use xtask::progress::Progress;

use super::{Bench, OURS, loads};
use crate::api;
use crate::record::{Row, Section};
use crate::scene::{Scene, Setting, grown};

/// Those who sign in, refresh and sign out.
const PEOPLE: usize = 8;

/// As a deployment grows: users of the last year with one hash (checking it costs the same for everybody), each with a
/// session and with what the trail has of a sign-up and a sign-in. `$1` is replaced by their number, `$2` by the hash.
///
/// Without triggers and checks of foreign keys (a superuser's setting), which would take most of the time: what is put in
/// here needs neither.
const FILL: &str = "
SET session_replication_role = replica;
INSERT INTO users (id, email, name, password_hash, is_verified, created_at, updated_at, last_login_at)
SELECT uuidv7(-since), 'user-' || n || '@example.com', 'User Number ' || n, '$2', true, now() - since, now() - since, now() - since
FROM (SELECT n, ($1 - n) * interval '365 days' / $1 AS since FROM generate_series(1, $1) AS n) AS s;
INSERT INTO sessions (id, user_id, token_hash, rotated_at, ip, user_agent, created_at, last_used_at, expires_at)
SELECT uuidv7(created_at - now()), id, encode(sha256(id::text::bytea), 'hex'), created_at, '192.0.2.1', 'bench', created_at,
       created_at, now() + interval '30 days' FROM users WHERE email LIKE 'user-%@example.com';
INSERT INTO events (id, user_id, kind, outcome, ip, user_agent, created_at)
SELECT uuidv7(created_at - now()), id, kind, 'success', '192.0.2.1', 'bench', created_at
FROM users, unnest(ARRAY['registered', 'login']) AS kind WHERE email LIKE 'user-%@example.com';
";

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let mut all = Scene::default();
    for users in &bench.plan.users {
        create(bench, &grown(*users))?;
        let setting = Setting {
            users: Some(*users),
            ..Setting::new(Section::Growth, Route::PgBouncer, PEOPLE)
        };
        let mut scene = Scene::set(bench, &OURS, setting);
        if !scene.subjects.is_empty() {
            fill(bench, &grown(*users), *users)?;
        }
        all.subjects.append(&mut scene.subjects);
        all.rows.append(&mut scene.rows);
    }
    loads::operations(bench, &mut all, &api::ALL, &[1])?;
    Ok(all.rows)
}

/// A migrated database of that name.
fn create(bench: &Bench, database: &str) -> Result<()> {
    let mut client = postgres::Client::connect(&bench.stack.database_url(), NoTls)?;
    client.batch_execute(&format!("DROP DATABASE IF EXISTS {database}"))?;
    client.batch_execute(&format!("CREATE DATABASE {database}"))?;
    let url = bench.stack.postgres.url_of(database);
    bench.stack.run_doorward_on(&url, &["migrate"]).map(drop)
}

/// Fills its tables, with the hash of somebody who is there already.
fn fill(bench: &Bench, database: &str, users: u32) -> Result<()> {
    let progress = Progress::start(&format!("filling {database}"));
    let mut client = postgres::Client::connect(&bench.stack.postgres.url_of(database), NoTls)?;
    let row = client.query_one(
        "SELECT password_hash FROM users WHERE password_hash IS NOT NULL LIMIT 1",
        &[],
    )?;
    let hash: String = row.get(0);
    let fill = FILL.replace("$1", &users.to_string()).replace("$2", &hash);
    client
        .batch_execute(&fill)
        .with_context(|| format!("filling {database}"))?;
    client.batch_execute("VACUUM ANALYZE")?;
    progress.done();
    Ok(())
}

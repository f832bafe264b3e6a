//! The sample as SQL: Better Auth's tables, without and with `account.issuer`, and an older table of users.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use super::{BCRYPT, Person, SCRYPT, create, token};

/// Writes the three files, and the mapping of the last.
pub(super) fn write(dir: &Path, users: u32, tomorrow: i64) -> anyhow::Result<()> {
    better_auth(&dir.join("better-auth.sql"), users, tomorrow, false)?;
    better_auth(&dir.join("better-auth-issuer.sql"), users, tomorrow, true)?;
    old_users(dir, users)
}

fn better_auth(path: &Path, users: u32, tomorrow: i64, issuer: bool) -> anyhow::Result<()> {
    let mut file = create(path)?;
    let column = if issuer { "\"issuer\" text," } else { "" };
    writeln!(
        file,
        "CREATE TABLE \"user\" (\"id\" text PRIMARY KEY, \"name\" text NOT NULL, \"email\" text NOT NULL UNIQUE, \"emailVerified\" boolean NOT NULL,
    \"image\" text, \"createdAt\" timestamptz NOT NULL DEFAULT now(), \"updatedAt\" timestamptz NOT NULL DEFAULT now());
CREATE TABLE \"account\" (\"id\" text PRIMARY KEY, \"accountId\" text NOT NULL, \"providerId\" text NOT NULL, {column}
    \"userId\" text NOT NULL REFERENCES \"user\" (\"id\") ON DELETE CASCADE, \"accessToken\" text, \"password\" text,
    \"createdAt\" timestamptz NOT NULL DEFAULT now(), \"updatedAt\" timestamptz NOT NULL DEFAULT now());
CREATE TABLE \"verification\" (\"id\" text PRIMARY KEY, \"identifier\" text NOT NULL, \"value\" text NOT NULL, \"expiresAt\" timestamptz NOT NULL,
    \"createdAt\" timestamptz NOT NULL DEFAULT now(), \"updatedAt\" timestamptz NOT NULL DEFAULT now());"
    )?;
    let (name, value) = if issuer {
        (", \"issuer\"", ", 'https://accounts.example.org'")
    } else {
        ("", "")
    };
    for person in (0..users).map(Person::nth) {
        let (id, number) = (token("better-auth", person.number), person.number);
        writeln!(
            file,
            "INSERT INTO \"user\" VALUES ('{id}', '{}', '{}', {}, NULL, to_timestamp({}));",
            person.name,
            person.email,
            person.is_verified(),
            person.created,
        )?;
        // Every fifth signs in elsewhere only.
        let (provider, account, password) = if number % 5 == 4 {
            ("google", format!("g-{number}"), "NULL".to_owned())
        } else {
            ("credential", id.clone(), format!("'{SCRYPT}'"))
        };
        let (name, value) = if provider == "google" { (name, value) } else { ("", "") };
        writeln!(
            file,
            "INSERT INTO \"account\" (\"id\", \"accountId\", \"providerId\", \"userId\", \"password\"{name})
    VALUES ('a{number}', '{account}', '{provider}', '{id}', {password}{value});"
        )?;
    }
    let reset = token("better-auth-reset", 0);
    writeln!(
        file,
        "INSERT INTO \"verification\" VALUES ('v0', 'reset-password:{reset}', '{}', to_timestamp({}));
INSERT INTO \"user\" VALUES ('malformed', 'Malformed', 'not an address', false, NULL, now());
INSERT INTO \"user\" VALUES ('folded', ' Folded ', 'FOLDED@example.org', true, 'http://insecure.example.org/a.png', now());",
        token("better-auth", 0),
        tomorrow / 1000
    )?;
    file.flush()?;
    Ok(())
}

fn old_users(dir: &Path, users: u32) -> anyhow::Result<()> {
    let mut file = create(&dir.join("old-users.sql"))?;
    writeln!(
        file,
        "CREATE TABLE customers (customer_no integer PRIMARY KEY, mail varchar(320), vorname text, nachname text, pw_hash text,
    confirmed smallint, joined timestamp, seen date, state text);"
    )?;
    for person in (0..users).map(Person::nth) {
        writeln!(
            file,
            "INSERT INTO customers VALUES ({}, '{}', 'Person', '{}', '{BCRYPT}', {}, to_timestamp({}) AT TIME ZONE 'UTC', '2024-05-06', 'active');",
            person.number + 1,
            person.email,
            person.number,
            u8::from(person.is_verified()),
            person.created,
        )?;
    }
    writeln!(
        file,
        "INSERT INTO customers VALUES (90001, NULL, 'Without', 'Address', NULL, 0, NULL, NULL, 'active');
INSERT INTO customers VALUES (90002, 'PERSON0@example.org', 'Same', 'Address', NULL, 0, 'infinity', NULL, 'active');
INSERT INTO customers VALUES (90003, 'blocked@example.org', 'B.', 'Locked', 'plain text', NULL, NULL, NULL, 'blocked');"
    )?;
    file.flush()?;
    fs::write(
        dir.join("old-users.map.json"),
        "{\n  \"table\": \"customers\",\n  \"columns\": {\n    \"id\": \"customer_no\",\n    \"email\": \"mail\",\n    \"name\": [\"vorname\", \"nachname\"],\n    \
         \"password\": \"pw_hash\",\n    \"isVerified\": \"confirmed\",\n    \"createdAt\": \"joined\",\n    \"lastLoginAt\": \"seen\",\n    \"status\": \"state\"\n  }\n}\n",
    )?;
    Ok(())
}

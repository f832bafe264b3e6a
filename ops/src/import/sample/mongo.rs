//! The sample as MongoDB's tools write it.

use std::fs;
use std::io::Write;
use std::path::Path;

use bson::{Bson, DateTime, Document, doc, oid::ObjectId};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{BCRYPT, Person, create, token};
use crate::import::mongo::MAGIC;

/// What a collection's documents are written by.
type Emit<'a> = &'a mut dyn FnMut(Document) -> anyhow::Result<()>;

const COLLECTIONS: [&str; 3] = ["users", "verification_tokens", "password_reset_tokens"];

/// Writes a folder of mongodump, the same gzipped, an archive, and a folder of mongoexport.
pub(super) fn write(dir: &Path, users: u32, tomorrow: i64) -> anyhow::Result<()> {
    let database = ["mongodump/app", "mongodump-gzip/app", "mongoexport"].map(|name| dir.join(name));
    for folder in &database {
        fs::create_dir_all(folder)?;
    }
    let [plain, gzipped, exported] = &database;
    for collection in COLLECTIONS {
        let mut bson = create(&plain.join(format!("{collection}.bson")))?;
        let gz = create(&gzipped.join(format!("{collection}.bson.gz")))?;
        let mut gz = GzEncoder::new(gz, Compression::fast());
        let mut json = create(&exported.join(format!("{collection}.json")))?;
        documents(collection, users, tomorrow, &mut |document| {
            let bytes = document.to_vec()?;
            bson.write_all(&bytes)?;
            gz.write_all(&bytes)?;
            writeln!(json, "{}", Bson::Document(document).into_relaxed_extjson())?;
            Ok(())
        })?;
        if collection == "users" {
            writeln!(
                json,
                "{{\"_id\": {{\"$oid\": \"5e0be100d0d0d0d0d0d0d0d0\"}}, \"email\": \"cut-off@exam"
            )?;
        }
        bson.flush()?;
        gz.finish()?.flush()?;
        json.flush()?;
    }
    archive(&mut create(&dir.join("mongodump.archive"))?, users, tomorrow)
}

fn archive(file: &mut impl Write, users: u32, tomorrow: i64) -> anyhow::Result<()> {
    const END: [u8; 4] = [0xff; 4];
    file.write_all(&MAGIC)?;
    file.write_all(
        &doc! { "concurrent_collections": 4, "version": "0.1", "server_version": "7.0.0", "tool_version": "100.9.0" }
            .to_vec()?,
    )?;
    for collection in COLLECTIONS {
        let about = doc! { "db": "app", "collection": collection, "metadata": "{}", "size": 0, "type": "collection" };
        file.write_all(&about.to_vec()?)?;
    }
    file.write_all(&END)?;
    for collection in COLLECTIONS {
        let header = |end: bool| doc! { "db": "app", "collection": collection, "EOF": end, "CRC": 0_i64 }.to_vec();
        file.write_all(&header(false)?)?;
        documents(collection, users, tomorrow, &mut |document| {
            Ok(file.write_all(&document.to_vec()?)?)
        })?;
        file.write_all(&END)?;
        file.write_all(&header(true)?)?;
        file.write_all(&END)?;
    }
    file.flush()?;
    Ok(())
}

fn documents(collection: &str, users: u32, tomorrow: i64, emit: Emit<'_>) -> anyhow::Result<()> {
    match collection {
        "users" => {
            for person in (0..users).map(Person::nth) {
                emit(user(&person))?;
            }
            malformed(emit)
        }
        other => {
            let unverified = (0..users)
                .map(Person::nth)
                .filter(|person| !person.is_verified() && person.number < 100);
            for person in unverified {
                emit(doc! {
                    "_id": ObjectId::from_bytes(person.object_id()), "userId": ObjectId::from_bytes(person.object_id()),
                    "token": token(other, person.number), "expiresAt": DateTime::from_millis(tomorrow),
                })?;
            }
            emit(
                doc! { "userId": ObjectId::from_bytes([1; 12]), "token": token(other, 1), "expiresAt": DateTime::from_millis(0) },
            )
        }
    }
}

fn user(person: &Person) -> Document {
    doc! {
        "_id": ObjectId::from_bytes(person.object_id()),
        "email": &person.email,
        "name": &person.name,
        "password": BCRYPT,
        "isVerified": person.is_verified(),
        "role": person.role,
        "status": "active",
        "createdAt": DateTime::from_millis(person.created * 1000),
        "updatedAt": DateTime::from_millis(person.created * 1000 + 5000),
        "__v": 0,
    }
}

/// One of each kind of trouble.
fn malformed(emit: Emit<'_>) -> anyhow::Result<()> {
    let mut number = 9_000_000;
    let mut next = |document: Document| {
        number += 1;
        let mut whole = doc! { "_id": ObjectId::from_bytes(Person::nth(number).object_id()) };
        whole.extend(document);
        emit(whole)
    };
    // Cleaned.
    next(doc! { "email": "  Spaces.And.Case@Example.ORG ", "name": "Spaces And Case", "password": BCRYPT })?;
    next(doc! { "email": "text-date@example.org", "name": "Text Date", "createdAt": "2021-03-04T05:06:07.000Z" })?;
    next(doc! { "email": "number-date@example.org", "name": "Number Date", "createdAt": 1_614_834_367 })?;
    next(doc! { "email": "without-name@example.org", "passwordHash": BCRYPT })?;
    next(doc! { "email": "clear-password@example.org", "name": "Clear Password", "password": "letmein" })?;
    next(doc! { "email": "unknown-role@example.org", "name": "Unknown Role", "role": "wizard", "status": "BANNED" })?;
    // Sound: a name in two parts.
    next(doc! { "email": "two-parts@example.org", "firstName": "Two", "lastName": "Parts", "emailVerified": true })?;
    // One address three times: the one last signed in stays.
    let seen = DateTime::from_millis(1_700_000_000_000);
    next(doc! { "email": "twice@example.org", "name": "Verified", "isVerified": true })?;
    next(doc! { "email": "Twice@example.org", "name": "Last Signed In", "lastLoginAt": seen })?;
    next(doc! { "email": "twice@example.org ", "name": "Neither" })?;
    // Refused.
    next(doc! { "email": "no address", "name": "No Address" })?;
    next(doc! { "name": "Without Address" })
}

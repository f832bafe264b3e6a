//! `doorward import sample`: the same people as each source would have them, most of them sound and some malformed, to
//! try an import with. The guide in docs/MIGRATE.md uses it.

mod mongo;
mod postgres;

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::value::hex;
use crate::host;
use crate::output::Report;

/// The password of everyone in the samples that have hashes.
pub(super) const PASSWORD: &str = "moving in tomorrow";
/// Its bcrypt hash, made by libxcrypt.
const BCRYPT: &str = "$2b$10$doorwardsampledatasale8XjBJJ3AaBcJxuwScMZGRWHdXYpe6q2";
/// Its scrypt hash with Better Auth's parameters, made by Node.
const SCRYPT: &str = "646f6f727761726473616d706c650000:91c946ba2d926334a16e46671d7e11f56a041ff072b6186b6f37489fe6c320015136dd19d0689e59d5ac590407eed7e8aaed0202fa71e037bb6e6dfe715dd5d4";

/// What is written: the kind of source as `doorward import` calls it, the file or folder, and its mapping.
const SOURCES: [(&str, &str, Option<&str>); 9] = [
    ("mongo", "mongodump", None),
    ("mongo", "mongodump-gzip", None),
    ("mongo", "mongodump.archive", None),
    ("mongo", "mongoexport", None),
    ("better-auth", "better-auth.sql", None),
    ("better-auth", "better-auth-issuer.sql", None),
    ("postgres", "old-users.sql", Some("old-users.map.json")),
    ("csv", "cognito.csv", None),
    ("csv", "customers.csv", Some("customers.map.json")),
];

/// What to write.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder; made when it isn't there
    dir: PathBuf,

    /// How many sound users each source has
    #[arg(long, default_value_t = 20, value_name = "NUMBER")]
    users: u32,
}

/// A sound person.
struct Person {
    number: u32,
    email: String,
    name: String,
    role: &'static str,
    /// Seconds since 1970.
    created: i64,
}

impl Person {
    fn nth(number: u32) -> Self {
        Self {
            number,
            email: format!("person{number}@example.org"),
            name: format!("Person {number}"),
            role: ["member", "mentor", "mentee"]
                .get(number as usize % 3)
                .copied()
                .unwrap_or("member"),
            // One a minute from 2020 on, for four years.
            created: 1_577_836_800 + i64::from(number % 2_000_000) * 60,
        }
    }

    /// MongoDB's id: when it was made, and a number.
    fn object_id(&self) -> [u8; 12] {
        let seconds = u32::try_from(self.created).unwrap_or_default().to_be_bytes();
        let mut id = [0xd0; 12];
        let rest = self.number.to_be_bytes();
        id.iter_mut().zip(seconds).for_each(|(byte, value)| *byte = value);
        id.iter_mut().skip(8).zip(rest).for_each(|(byte, value)| *byte = value);
        id
    }

    fn is_verified(&self) -> bool {
        self.number % 4 != 3
    }
}

/// A token that hasn't expired, for a person.
fn token(kind: &str, number: u32) -> String {
    hex(&super::ids::hashed(&["sample", kind, &number.to_string()]))
}

/// Writes everything.
///
/// # Errors
/// A folder or file that can't be written.
pub(super) fn run(options: &Options) -> anyhow::Result<Report> {
    let dir = &options.dir;
    fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    let tomorrow = host::now().as_millis() + 86_400_000;
    mongo::write(dir, options.users, tomorrow)?;
    postgres::write(dir, options.users, tomorrow)?;
    csv(dir, options.users)?;
    let mut text = format!(
        "written to {}; the password of everyone is {PASSWORD:?}, and the same people are in all of it. \
         A .sql is for an empty database of its own, $SOURCE",
        dir.display()
    );
    let mut commands = Vec::new();
    for (source, file, map) in SOURCES {
        let path = dir.join(file);
        let load = Path::new(file).extension().is_some_and(|end| end == "sql");
        let load = load.then(|| format!("psql \"$SOURCE\" -q -f {}", shell_word(&path)));
        let from = if load.is_some() {
            "\"$SOURCE\"".to_owned()
        } else {
            shell_word(&path)
        };
        let map = map.map(|map| format!(" --map {}", shell_word(&dir.join(map))));
        let command = format!("doorward import {source} {from}{}", map.unwrap_or_default());
        text += "\n  ";
        if let Some(load) = &load {
            text = text + load + " && ";
        }
        text += &command;
        let path = path.display().to_string();
        commands.push(json!({ "source": source, "path": path, "load": load, "command": command }));
    }
    let dir = dir.display().to_string();
    Ok(Report {
        text,
        json: json!({ "dir": dir, "users": options.users, "password": PASSWORD, "commands": commands }),
    })
}

/// A path as a shell takes it for one word (POSIX, "Quoting").
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,".contains(c);
    if text.starts_with('-') {
        return shell_word(&Path::new(".").join(path));
    }
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn create(path: &Path) -> anyhow::Result<BufWriter<fs::File>> {
    let file = fs::File::create(path).with_context(|| path.display().to_string())?;
    Ok(BufWriter::new(file))
}

/// Cognito's export, and one with names of its own and a mapping.
fn csv(dir: &Path, users: u32) -> anyhow::Result<()> {
    let mut cognito = create(&dir.join("cognito.csv"))?;
    writeln!(
        cognito,
        "cognito:username,sub,email,email_verified,name,given_name,family_name,phone_number,UserStatus,Enabled"
    )?;
    let mut customers = create(&dir.join("customers.csv"))?;
    writeln!(customers, "No,Mail,First,Last,Joined")?;
    for person in (0..users).map(Person::nth) {
        let id = doorward_core::id::UserId::from_bytes(super::ids::hashed(&["cognito", &person.email]));
        let verified = person.is_verified();
        writeln!(
            cognito,
            "{id},{id},{},{verified},{},,,+49301234567,CONFIRMED,true",
            person.email, person.name
        )?;
        let joined = doorward_core::time::Time::from_seconds(person.created);
        writeln!(
            customers,
            "{},{},Person,{},{joined}",
            person.number, person.email, person.number
        )?;
    }
    // Malformed: letters' case, no address, a phone that is none, a line that is too short.
    writeln!(
        cognito,
        "u1,u1, Mixed.Case@Example.ORG,true,Mixed Case,,,,CONFIRMED,true"
    )?;
    writeln!(cognito, "u2,u2,,false,Without Address,,,,UNCONFIRMED,true")?;
    writeln!(
        cognito,
        "u3,u3,phone@example.org,true,,Pat,Phone,call me,COMPROMISED,false"
    )?;
    writeln!(cognito, "u4,u4,short@example.org")?;
    writeln!(customers, "9001,not an address,No,Body,")?;
    fs::write(
        dir.join("customers.map.json"),
        "{\"columns\": {\"id\": \"No\", \"email\": \"Mail\", \"name\": [\"First\", \"Last\"], \"createdAt\": \"Joined\"}}\n",
    )?;
    cognito.flush()?;
    customers.flush()?;
    Ok(())
}

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
    let text = format!(
        "written to {}; the password of everyone is {PASSWORD:?}\n\
         \x20 mongodump/ mongodump-gzip/ mongodump.archive mongoexport/   doorward import mongo PATH\n\
         \x20 better-auth.sql better-auth-issuer.sql                      load into a database; doorward import better-auth URL\n\
         \x20 old-users.sql old-users.map.json                            load into a database; doorward import postgres URL --map FILE\n\
         \x20 cognito.csv customers.csv customers.map.json                doorward import csv FILE",
        dir.display()
    );
    Ok(Report {
        text,
        json: json!({ "dir": dir.display().to_string(), "users": options.users, "password": PASSWORD }),
    })
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

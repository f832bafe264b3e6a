//! `doorward admin`: the first real admin of a deployment.

use std::io::{self, Read as _};

use anyhow::{Context as _, bail};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::{Args, Subcommand};
use doorward_core::email::Email;
use doorward_core::entropy::random;
use doorward_core::event::EventKind;
use doorward_core::id::UserId;
use doorward_core::name::PersonName;
use doorward_core::password::{self, Password, Workspace};
use doorward_core::role::Role;
use doorward_core::unicode;
use serde_json::{Map, json};

use super::{begin, connect, find, record, show};
use crate::database::explain;
use crate::host::{self, SystemEntropy};
use crate::output::Report;

/// What to do with admins.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Make an admin of the whole deployment: one without a firm
    Create(Create),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The address to sign in with; it counts as verified
    #[arg(long, value_parser = email)]
    email: Email,
    /// The person's name
    #[arg(long, value_parser = name)]
    name: PersonName,
    /// Read the password from standard input; otherwise one is made up, and printed this once
    #[arg(long)]
    password_stdin: bool,
}

fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|error| error.to_string())
}

fn name(text: &str) -> Result<PersonName, String> {
    PersonName::parse(text).map_err(|error| error.to_string())
}

/// Does it.
///
/// # Errors
/// When the address has an account, or the password is against the policy.
pub(crate) async fn run(action: &Action, url: &str) -> anyhow::Result<Report> {
    let Action::Create(options) = action;
    let given = options.password_stdin.then(read_password).transpose()?;
    let made = match &given {
        Some(_) => None,
        None => Some(Base64UrlUnpadded::encode_string(&random::<18>(&SystemEntropy)?)),
    };
    let raw = given.as_deref().or(made.as_deref()).unwrap_or_default();
    let password = match Password::new(raw, &[options.email.as_str(), options.name.as_str()], unicode::TABLES) {
        Ok(password) => password,
        Err(problems) => {
            let sentences: Vec<String> = problems.iter().map(ToString::to_string).collect();
            bail!("this password won't do. {}", sentences.join(" "));
        }
    };
    let hash = password::hash(&password, random(&SystemEntropy)?, &mut Workspace::new())?;

    let mut client = connect(url).await?;
    let transaction = begin(&mut client).await?;
    let id = UserId::generate(host::now(), &SystemEntropy)?.to_string();
    let inserted = transaction
        .execute(
            "INSERT INTO users (id, name, email, role, password_hash, is_verified, email_verified_at, password_changed_at)
             VALUES ($1::text::uuid, $2, $3, $4, $5, true, now(), now()) ON CONFLICT (lower(email)) DO NOTHING",
            &[&id, &options.name.as_str(), &options.email.as_str(), &Role::ADMIN, &hash.as_str()],
        )
        .await
        .map_err(explain)?;
    if inserted == 0 {
        let there = find(&transaction, options.email.as_str()).await?;
        bail!(
            "{} has an account already: `doorward users set-role {there} admin`",
            options.email
        );
    }
    let details = Map::from_iter([("after".to_owned(), json!({ "role": Role::ADMIN }))]);
    record(&transaction, Some(&id), EventKind::UserRegistered, details).await?;
    let user = show(&transaction, &id).await?;
    transaction.commit().await.map_err(explain)?;

    let mut document = json!({ "user": user });
    let mut text = format!("{} is an admin of this deployment ({id})", options.email);
    if let Some(made) = made {
        document["password"] = json!(made);
        text += "\nThe password, shown this once: ";
        text += &made;
    }
    Ok(Report { text, json: document })
}

/// The first line of standard input, without its end.
fn read_password() -> anyhow::Result<String> {
    let mut text = String::new();
    let read = io::stdin().take(64 * 1024).read_to_string(&mut text);
    read.context("the password can't be read from standard input")?;
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    Ok(line.to_owned())
}

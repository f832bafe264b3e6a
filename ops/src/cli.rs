//! The arguments, and which command they name.

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::backup;
use crate::output::Report;
use crate::people::{admin, roles, sessions, users};
use crate::{gateway, import, keys, migrate, rollout, seed};

/// Doorward's command line for operators.
#[derive(Debug, Parser)]
#[command(name = "doorward", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// The database, as postgres://user:password@host:port/database
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_url: Option<String>,

    /// Print one JSON document on standard output; words for people go to standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the database's tables up to date
    #[command(args_conflicts_with_subcommands = true)]
    Migrate(Migrate),

    /// Make the accounts that developers and tests sign in with
    Seed(seed::Options),

    /// Make an admin of the deployment
    #[command(subcommand)]
    Admin(admin::Action),

    /// List, show, change and delete users
    #[command(subcommand)]
    Users(users::Action),

    /// List, make and delete roles
    #[command(subcommand)]
    Roles(roles::Action),

    /// List and end sessions
    #[command(subcommand)]
    Sessions(sessions::Action),

    /// Write the database as it is now into one file, and check it
    Backup(backup::Backup),

    /// Bring the database of a backup back
    Restore(backup::Restore),

    /// Show or move the switch between the system that people come from and this one
    #[command(subcommand)]
    Rollout(rollout::Action),

    /// Make, renew and list the keys that tokens are signed with
    #[command(subcommand)]
    Keys(keys::Action),

    /// Bring users over from elsewhere, and take them out again
    #[command(subcommand)]
    Import(import::Action),

    /// Put HTTP in front of a Postgres and a Redis
    Gateway(gateway::Options),
}

#[derive(Debug, Args)]
struct Migrate {
    /// Print the SQL that is pending, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// How many seconds a file waits for a table that somebody uses; meanwhile others wait behind it
    #[arg(long, default_value_t = 15, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
    lock_timeout: u32,

    /// Go no further than this migration, for a database that an earlier release is to work on
    #[arg(long, value_name = "NUMBER")]
    until: Option<i32>,

    #[command(flatten)]
    beforehand: backup::Beforehand,

    #[command(subcommand)]
    action: Option<MigrateAction>,
}

#[derive(Debug, Subcommand)]
enum MigrateAction {
    /// List what was applied and what is pending
    Status,
}

impl Cli {
    /// The database, or the end of the process with the status of wrong usage.
    fn database(&self) -> &str {
        self.database_url
            .as_deref()
            .filter(|url| !url.is_empty())
            .unwrap_or_else(|| {
                let text = "no database: give --database-url or set DATABASE_URL";
                Self::command().error(ErrorKind::MissingRequiredArgument, text).exit()
            })
    }
}

/// Does what the arguments say.
///
/// # Errors
/// Whatever keeps the command from being done, as a sentence for a person.
pub(crate) async fn run(cli: &Cli) -> anyhow::Result<Report> {
    match &cli.command {
        Command::Migrate(Migrate {
            action: Some(MigrateAction::Status),
            ..
        }) => migrate::status(cli.database()).await,
        Command::Migrate(Migrate { dry_run: true, .. }) => migrate::dry_run(cli.database()).await,
        Command::Migrate(options) => {
            migrate::run(cli.database(), options.lock_timeout, options.until, &options.beforehand).await
        }
        Command::Seed(options) => seed::run(options, cli.database()).await,
        Command::Admin(action) => admin::run(action, cli.database()).await,
        Command::Users(action) => users::run(action, cli.database()).await,
        Command::Roles(action) => roles::run(action, cli.database()).await,
        Command::Sessions(action) => sessions::run(action, cli.database()).await,
        Command::Backup(options) => backup::run(options, cli.database()).await,
        Command::Restore(options) => backup::restore(options, cli.database()).await,
        Command::Rollout(action) => rollout::run(action, cli.database()).await,
        Command::Keys(action) => keys::run(action),
        Command::Import(action) if action.needs_database() => import::run(action, cli.database()).await,
        Command::Import(action) => import::run(action, "").await,
        Command::Gateway(options) => gateway::run(options, cli.database()).await,
    }
}

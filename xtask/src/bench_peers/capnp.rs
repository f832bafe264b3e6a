//! The configuration that `workerd serve` reads (`workerd.capnp` documents it), as text.

use std::fmt::Write as _;
use std::path::Path;

use super::upstream::Login;

/// A Worker to be served.
#[derive(Debug)]
pub(super) struct Worker {
    /// 127.0.0.1's.
    pub(super) port: u16,
    /// Files beside the configuration, by their names. The first is the entry point; `.wasm` is WebAssembly, all else
    /// modules of JavaScript.
    pub(super) modules: Vec<String>,
    /// `compatibility_date`.
    pub(super) date: String,
    /// `compatibility_flags`.
    pub(super) flags: Vec<&'static str>,
    /// Variables and secrets.
    pub(super) vars: Vec<(String, String)>,
    /// What the Hyperdrive binding `DB` leads to, if there is one.
    pub(super) database: Option<Login>,
    /// The folder behind the binding `ASSETS`, if there is one.
    pub(super) assets: Option<String>,
}

impl Worker {
    /// The text. It holds secrets where the variables do.
    pub(super) fn text(&self) -> String {
        let mut bindings = String::new();
        let mut services = String::new();
        for (name, value) in &self.vars {
            writeln!(bindings, "    (name = {}, text = {}),", quoted(name), quoted(value)).ok();
        }
        if let Some(login) = &self.database {
            let (user, password) = (quoted(&login.user), quoted(&login.password));
            let database = quoted(&login.database);
            writeln!(
                bindings,
                "    (name = \"DB\", hyperdrive = (designator = \"database\", database = {database}, user = {user}, \
                 password = {password}, scheme = \"postgres\")),"
            )
            .ok();
            let address = format!("127.0.0.1:{}", login.port);
            writeln!(
                services,
                "    (name = \"database\", external = (address = \"{address}\", tcp = ())),"
            )
            .ok();
        }
        if let Some(folder) = &self.assets {
            writeln!(bindings, "    (name = \"ASSETS\", service = \"assets\"),").ok();
            writeln!(services, "    (name = \"assets\", disk = (path = {})),", quoted(folder)).ok();
        }
        let modules: Vec<String> = self.modules.iter().map(|name| module(name)).collect();
        let flags: Vec<String> = self.flags.iter().map(|flag| quoted(flag)).collect();
        format!(
            "using Workerd = import \"/workerd/workerd.capnp\";\n\n\
             const config :Workerd.Config = (\n\
             \x20 services = [\n\
             \x20   (name = \"main\", worker = .worker),\n\
             {services}\
             \x20   (name = \"network\", network = (allow = [\"public\", \"private\"])),\n\
             \x20 ],\n\
             \x20 sockets = [(name = \"http\", address = \"127.0.0.1:{port}\", http = (), service = \"main\")],\n\
             );\n\n\
             const worker :Workerd.Worker = (\n\
             \x20 modules = [{modules}],\n\
             \x20 compatibilityDate = {date},\n\
             \x20 compatibilityFlags = [{flags}],\n\
             \x20 bindings = [\n{bindings}  ],\n\
             \x20 globalOutbound = \"network\",\n\
             );\n",
            port = self.port,
            modules = modules.join(", "),
            date = quoted(&self.date),
            flags = flags.join(", "),
        )
    }
}

fn module(name: &str) -> String {
    let wasm = Path::new(name).extension().is_some_and(|end| end == "wasm");
    let kind = if wasm { "wasm" } else { "esModule" };
    let name = quoted(name);
    format!("(name = {name}, {kind} = embed {name})")
}

/// A string of Cap'n Proto's language, which JSON's are too as long as they hold no control characters.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_has_its_modules_variables_and_database() {
        let worker = Worker {
            port: 8080,
            modules: vec!["index.js".to_owned(), "index_bg.wasm".to_owned()],
            date: "2026-04-01".to_owned(),
            flags: vec!["nodejs_compat"],
            vars: vec![("KEYS".to_owned(), "{\"keys\":[]}".to_owned())],
            database: Some(Login {
                user: "doorward".to_owned(),
                password: "s3".to_owned(),
                database: "bench".to_owned(),
                port: 6432,
            }),
            assets: Some("/a/pkg".to_owned()),
        };
        assert_eq!(
            worker.text(),
            r#"using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "database", external = (address = "127.0.0.1:6432", tcp = ())),
    (name = "assets", disk = (path = "/a/pkg")),
    (name = "network", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8080", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed "index.js"), (name = "index_bg.wasm", wasm = embed "index_bg.wasm")],
  compatibilityDate = "2026-04-01",
  compatibilityFlags = ["nodejs_compat"],
  bindings = [
    (name = "KEYS", text = "{\"keys\":[]}"),
    (name = "DB", hyperdrive = (designator = "database", database = "bench", user = "doorward", password = "s3", scheme = "postgres")),
    (name = "ASSETS", service = "assets"),
  ],
  globalOutbound = "network",
);
"#
        );
    }
}

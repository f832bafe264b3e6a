//! Byte streams to Postgres: Hyperdrive's where the binding is there, a plain socket to `DATABASE_URL` otherwise.

use std::cell::RefCell;
use std::rc::Rc;

use doorward_edge::config::Config;
use doorward_edge::outbound::pg_sql::{Connect, PgConfig};
use doorward_edge::wire::conn_string::ConnString;
use doorward_edge::wire::pg::Limits;
use worker::js_sys;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{Env, worker_sys};

use crate::host::{UNICODE, variable};
use crate::stream::{Stream, said};

/// The binding of Hyperdrive.
const BINDING: &str = "DB";

/// Where the streams of one request come from.
#[derive(Clone)]
pub(crate) struct Database {
    env: Env,
    source: Source,
}

#[derive(Clone)]
enum Source {
    /// Its pool is on the other side; never asked for TLS.
    Hyperdrive,
    /// Host and port.
    Direct(Rc<str>, u16),
}

thread_local! {
    /// Where the database is and how to sign in to it: neither changes while an instance lives. What signs in keeps what a
    /// SCRAM exchange derives from the password, which is most of what a fresh connection costs.
    static KNOWN: RefCell<Option<(Source, Rc<PgConfig>)>> = const { RefCell::new(None) };
}

impl Database {
    /// Connects nowhere yet.
    ///
    /// # Errors
    /// A sentence for the log when the deployment names no usable database.
    pub(crate) fn new(env: &Env, config: &Config) -> Result<(Self, Rc<PgConfig>), String> {
        let (source, pg) = if let Some(known) = KNOWN.with_borrow(Clone::clone) {
            known
        } else {
            let found = find(env, config)?;
            KNOWN.replace(Some(found.clone()));
            found
        };
        let env = env.clone();
        Ok((Self { env, source }, pg))
    }
}

fn find(env: &Env, config: &Config) -> Result<(Source, Rc<PgConfig>), String> {
    let (source, login) = match (env.hyperdrive(BINDING), &config.database_url) {
        (Ok(hyperdrive), _) => (
            Source::Hyperdrive,
            read(&hyperdrive.connection_string())?.login(UNICODE),
        ),
        (Err(_), Some(url)) => {
            let login = read(&variable(env, "DATABASE_URL").unwrap_or_default())?.login_unencrypted(UNICODE);
            (
                Source::Direct(url.host().into(), url.port()),
                login.map_err(|e| e.to_string())?,
            )
        }
        (Err(_), None) => return Err("configuration: neither a Hyperdrive binding DB nor DATABASE_URL".to_owned()),
    };
    let pg = PgConfig {
        login,
        limits: Limits::default(),
        statement_timeout: config.sql_timeout,
    };
    Ok((source, Rc::new(pg)))
}

fn read(url: &str) -> Result<ConnString, String> {
    ConnString::parse(url).map_err(|e| e.to_string())
}

impl Connect for Database {
    type Stream = Stream;

    async fn connect(&self) -> Result<Stream, String> {
        let stream = self.socket().and_then(|socket| Stream::new(&socket));
        stream.map_err(|e| said(&e))
    }
}

impl Database {
    fn socket(&self) -> Result<worker_sys::Socket, JsValue> {
        match &self.source {
            Source::Hyperdrive => {
                let binding = js_sys::Reflect::get(&self.env, &BINDING.into())?;
                binding.unchecked_into::<worker_sys::Hyperdrive>().connect()
            }
            Source::Direct(host, port) => {
                let address = js_sys::Object::new();
                js_sys::Reflect::set(&address, &"hostname".into(), &JsValue::from_str(host))?;
                js_sys::Reflect::set(&address, &"port".into(), &JsValue::from(*port))?;
                // By default without TLS, and closed in both directions when the server closes.
                worker_sys::connect(address.into(), JsValue::UNDEFINED)
            }
        }
    }
}

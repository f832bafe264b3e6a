//! What login, me and refresh cost, counted rather than timed, because a count is the same on every machine and every day:
//! flights, bytes on the wire and allocations. Each request goes the whole way through the adapters that the hosts use.
//!
//! A count that grows fails. One that shrinks by much fails too: its bound keeps nothing any more, and is to be lowered.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use doorward_core::id::RequestId;
use doorward_core::role::Role;
use doorward_core::tier::Tier;
use doorward_core::time::Time;
use doorward_core::token::Keys;
use doorward_core::token::access::{self, AccessClaims, Proven};
use doorward_core::token::refresh::{Refresh, RefreshToken, SessionRow, decide};
use doorward_core::user::Status;
use doorward_edge::config::Config;
use doorward_edge::extract::Fields;
use doorward_edge::host::{Host, Rows, Sql};
use doorward_edge::instance::Instance;
use doorward_edge::outbound::http_sql::HttpSql;
use doorward_edge::outbound::pg_sql::{PgConfig, PgSql};
use doorward_edge::outbound::rest_kv::RestKv;
use doorward_edge::wire::pg::{Limits, Login};
use doorward_edge::wire::redis_rest::RedisRest;
use doorward_edge::wire::sql_http::SqlHttp;
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::json;

use crate::data::{ANN, EMAIL, HASH, PASSWORD, SESSION, Session, ann, at, credentials, joined, none, one, row};
use crate::fake::{FakeHost, poll};
use crate::stage::ADDRESS;
use allocations::counted;
use services::{Service, Traffic, in_json, in_protocol, welcome};
use wired::Wired;

mod allocations;
mod services;
mod wired;

/// What one request took.
#[derive(Debug, Clone, Copy)]
struct Cost {
    sql: Traffic,
    kv: Traffic,
    /// Bytes of the reply: its headers, a line each, and its body.
    reply: usize,
    allocations: usize,
}

/// What it may take: the flights exactly, the rest at most, and not less than three quarters of it.
#[derive(Debug, Clone, Copy)]
struct Bound {
    sql_flights: usize,
    sql_sent: usize,
    kv_flights: usize,
    kv_sent: usize,
    reply: usize,
    allocations: usize,
}

impl Bound {
    fn holds(&self, what: &str, cost: &Cost) {
        assert_eq!(cost.sql.flights, self.sql_flights, "{what}: flights to the database");
        assert_eq!(cost.kv.flights, self.kv_flights, "{what}: flights to the cache");
        for (part, counted, bound) in [
            ("bytes to the database", cost.sql.sent, self.sql_sent),
            ("bytes to the cache", cost.kv.sent, self.kv_sent),
            ("bytes of the reply", cost.reply, self.reply),
            ("allocations", cost.allocations, self.allocations),
        ] {
            within(&format!("{what}: {part}"), counted, bound);
        }
    }
}

/// At most the bound, and not less than three quarters of it.
fn within(what: &str, counted: usize, bound: usize) {
    assert!(counted <= bound, "{what}: {counted}, more than {bound}");
    assert!(
        counted * 4 >= bound * 3,
        "{what}: {counted}, so {bound} is to be lowered"
    );
}

/// A service over one of the two ways to the database, as a browser uses it.
struct Way<S: Sql + 'static> {
    rest: FakeHost,
    instance: Rc<Instance>,
    sql: Service,
    kv: Service,
    adapter: Box<dyn Fn(Service) -> S>,
    /// How this way says what the database answers.
    say: fn(&[Rows]) -> Vec<u8>,
    /// What comes before the first answer of a request, where each has a connection of its own.
    welcome: Option<fn() -> Vec<u8>>,
}

/// As on Workers: a connection a request, to a server that asks for no password.
fn over_the_protocol() -> Way<PgSql<Service>> {
    let config = Rc::new(PgConfig {
        login: Login::new("doorward", "doorward"),
        limits: Limits::default(),
        statement_timeout: Duration::from_secs(5),
    });
    let adapter = move |service| PgSql::new(service, Rc::clone(&config));
    Way::new(Box::new(adapter), in_protocol, Some(welcome))
}

/// As on a WASI host: a proxy that speaks Neon's protocol.
fn over_http() -> Way<HttpSql<Service>> {
    let url = "http://127.0.0.1:8786/sql";
    let proxy = SqlHttp::new(url, "postgres://doorward@127.0.0.1/doorward", Some("token")).unwrap();
    let proxy = Rc::new(proxy);
    let adapter = move |service| HttpSql::new(service, Rc::clone(&proxy), Duration::from_secs(5));
    Way::new(Box::new(adapter), in_json, None)
}

impl<S: Sql + 'static> Way<S> {
    fn new(adapter: Box<dyn Fn(Service) -> S>, say: fn(&[Rows]) -> Vec<u8>, welcome: Option<fn() -> Vec<u8>>) -> Self {
        let keys = Keys::generate([1; 32], [2; 32]).unwrap();
        let config = Config::read(|name| match name {
            "DOORWARD_KEYS" => Some(keys.clone()),
            "PUBLIC_URL" => Some("https://id.example.com".to_owned()),
            _ => None,
        });
        Self {
            rest: FakeHost::new(),
            instance: Rc::new(Instance::new(config.unwrap())),
            sql: Service::default(),
            kv: Service::default(),
            adapter,
            say,
            welcome,
        }
    }

    fn keys(&self) -> &Keys {
        &self.instance.config.keys
    }

    /// A request, the answers that it finds, and what it takes.
    fn send(&self, request: Request<Bytes>, database: &[&[Rows]], cache: &[&'static str]) -> (Response<Bytes>, Cost) {
        if let (Some(welcome), false) = (self.welcome, database.is_empty()) {
            self.sql.answers(welcome());
        }
        for rows in database {
            self.sql.answers((self.say)(rows));
        }
        for answer in cache {
            self.kv.answers(*answer);
        }
        let redis = Rc::new(RedisRest::new("http://127.0.0.1:8786", "token").unwrap());
        let address = Some(ADDRESS.to_owned());
        let (response, allocations) = counted(|| {
            let kv = RestKv::new(self.kv.clone(), redis);
            let host = Wired::new(&self.rest, (self.adapter)(self.sql.clone()), kv);
            let mut future = pin!(doorward_edge::handle(host, Rc::clone(&self.instance), address, request));
            poll(&mut future).expect("the request waits for something")
        });
        let lines = response.headers().iter();
        let lines: usize = lines
            .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len())
            .sum();
        let cost = Cost {
            sql: self.sql.traffic(),
            kv: self.kv.traffic(),
            reply: lines + response.body().len(),
            allocations: allocations.calls,
        };
        // What is left for after the reply is no part of it.
        self.kv.answers(r#"[{"result":1},{"result":"OK"}]"#);
        assert_eq!(self.rest.run_deferred(), 0);
        self.kv.forget();
        (response, cost)
    }

    fn login(&self) -> Cost {
        let body = json!({ "email": EMAIL, "password": PASSWORD, "rememberMe": true }).to_string();
        let request = browser("POST", "/api/auth/login")
            .header("content-type", "application/json")
            .body(body.into());
        let database: [&[Rows]; 2] = [
            &[one(credentials(Some(&HASH), "active", true))],
            &[one(joined(&[row(&["f"]), ann()]))],
        ];
        let (response, cost) = self.send(request.unwrap(), &database, &[NOT_LIMITED]);
        assert_eq!(response.status(), StatusCode::OK);
        cost
    }

    /// Who signed in `generation` refreshes ago.
    fn refresh(&self, generation: u32) -> Cost {
        let mut presented = RefreshToken::first(SESSION, [9; 16]);
        presented.generation = generation;
        let cookie = format!("__Host-doorward_refresh={}", presented.seal(self.keys()).expose());
        let request = browser("POST", "/api/auth/refresh").header("cookie", cookie);
        let session = Session {
            hash: presented.successor().unwrap().seal(self.keys()).hashed(),
            generation: generation + 1,
            rotated_at: at(0),
            expires_at: at(86_400_000),
            revoked_at: None,
            arrival: None,
        };
        let database: [&[Rows]; 1] = [&[one(row(&[&SESSION.to_string()])), none(), one(session.row("active"))]];
        let (response, cost) = self.send(request.body(Bytes::new()).unwrap(), &database, &[]);
        assert_eq!(response.status(), StatusCode::OK);
        cost
    }

    /// With a token that this instance may have seen before; the database is asked where `asks` says so.
    fn me(&self, token: &str, asks: bool) -> Cost {
        let cookie = format!("__Host-doorward_access={token}");
        let request = browser("GET", "/api/auth/me")
            .header("cookie", cookie)
            .body(Bytes::new());
        let alive: [&[Rows]; 1] = [&[one(ann())]];
        let database = if asks { &alive[..] } else { &[] };
        let (response, cost) = self.send(request.unwrap(), database, &[]);
        assert_eq!(response.status(), StatusCode::OK);
        cost
    }

    fn access_token(&self) -> String {
        access::issue(self.keys(), &self.instance.config.access, &claims(self.rest.now())).unwrap()
    }
}

const GRACE: Duration = Duration::from_secs(30);

/// What the limits' script says to a call that may go on.
const NOT_LIMITED: &str = r#"[{"result":0}]"#;

/// A request with the headers that browsers send.
fn browser(method: &str, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(format!("https://id.example.com{path}"))
        .header("host", "id.example.com")
        .header("origin", "https://id.example.com")
        .header("sec-fetch-site", "same-origin")
        .header("accept", "application/json")
        .header("accept-language", "en-GB,en;q=0.8")
        .header(
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
        )
}

fn claims(now: Time) -> AccessClaims {
    AccessClaims {
        subject: ANN,
        session: SESSION,
        role: Role::member(),
        tier: Tier::Free,
        firm: None,
        issued_at: now,
        expires_at: now.saturating_add(Duration::from_mins(10)),
        id: RequestId::from_bytes([5; 16]),
    }
}

#[test]
fn a_login_takes_what_it_took() {
    let bound = Bound {
        sql_flights: 3,
        sql_sent: 4_700,
        kv_flights: 1,
        kv_sent: 1_970,
        reply: 2_300,
        allocations: 280,
    };
    let way = over_the_protocol();
    // The first one makes what the instance keeps.
    way.login();
    bound.holds("login over Postgres' protocol", &way.login());
    let way = over_http();
    way.login();
    let bound = Bound {
        sql_flights: 2,
        sql_sent: 5_100,
        ..bound
    };
    bound.holds("login over HTTP", &way.login());
}

#[test]
fn a_refresh_takes_what_it_took() {
    let bound = Bound {
        sql_flights: 2,
        sql_sent: 4_000,
        kv_flights: 0,
        kv_sent: 0,
        reply: 2_300,
        allocations: 170,
    };
    let way = over_the_protocol();
    way.refresh(0);
    bound.holds("refresh over Postgres' protocol", &way.refresh(1));
    let way = over_http();
    way.refresh(0);
    let bound = Bound {
        sql_flights: 1,
        sql_sent: 4_150,
        ..bound
    };
    bound.holds("refresh over HTTP", &way.refresh(1));
}

#[test]
fn a_me_takes_what_it_took() {
    let asking = Bound {
        sql_flights: 2,
        sql_sent: 1_200,
        kv_flights: 0,
        kv_sent: 0,
        reply: 760,
        allocations: 127,
    };
    let known = Bound {
        sql_flights: 0,
        sql_sent: 0,
        allocations: 39,
        ..asking
    };
    let way = over_the_protocol();
    let token = way.access_token();
    asking.holds("me over Postgres' protocol", &way.me(&token, true));
    known.holds("me of a known session", &way.me(&token, false));
    let way = over_http();
    let asking = Bound {
        sql_flights: 1,
        sql_sent: 1_340,
        ..asking
    };
    asking.holds("me over HTTP", &way.me(&token, true));
}

#[test]
fn the_core_asks_for_little_memory() {
    let way = over_http();
    let (keys, policy) = (way.keys(), &way.instance.config.access);
    let now = way.rest.now();
    let claims = claims(now);
    let (token, made) = counted(|| access::issue(keys, policy, &claims).unwrap());
    within("making an access token: allocations", made.calls, 11);

    let proven = Proven::new();
    let verify = || counted(|| access::verify(keys, policy, &proven, &token, now).unwrap()).1;
    let (first, again) = (verify(), verify());
    assert_eq!(first.calls, again.calls + 1, "the memory of good signatures, once");
    within("checking an access token: allocations", again.calls, 18);

    let sealed = RefreshToken::first(SESSION, [9; 16]).seal(keys);
    let (hash, rotated) = counted(|| {
        let token = RefreshToken::open(keys, sealed.expose()).unwrap();
        token.successor().unwrap().seal(keys).hashed()
    });
    within("deriving a refresh token's successor: allocations", rotated.calls, 3);
    let session = SessionRow {
        token_hash: hash,
        generation: 1,
        rotated_at: now,
        expires_at: at(60_000),
        revoked_at: None,
        user_status: Status::Active,
    };
    let token = RefreshToken::first(SESSION, [9; 16]);
    let presented = sealed.hashed();
    let (decision, decided) = counted(|| decide(&token, &presented, true, Some(&session), keys, now, GRACE));
    assert!(matches!(decision, Refresh::Rotated));
    assert_eq!(decided.calls, 0, "who won decides without");

    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    let body = Bytes::from(json!({ "email": EMAIL, "password": PASSWORD, "rememberMe": true }).to_string());
    let (fields, read) = counted(|| Fields::read(&headers, &body, &[]));
    assert!(fields.is_ok());
    within("reading a login's body: allocations", read.calls, 11);
}

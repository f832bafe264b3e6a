//! One test's service: an instance over a fake host, requests to it, and their replies. Every reply is held to what all
//! replies have in common, and everything that leaves the service is watched for secrets (`watch`).

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use doorward_core::id::{FirmId, RequestId, SessionId, UserId};
use doorward_core::role::Role;
use doorward_core::tier::Tier;
use doorward_core::time::Time;
use doorward_core::token::access::{self, AccessClaims};
use doorward_core::token::{Keys, PlainToken};
use doorward_edge::config::Config;
use doorward_edge::host::{Host, Level, Rows, SqlError};
use doorward_edge::instance::Instance;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::Value;

use crate::fake::{Batch, FakeFetch, FakeHost, FakeKv, SqlOutcome, poll};
use crate::watch::Watch;

/// Where the client is.
pub(crate) const ADDRESS: &str = "203.0.113.9";

/// A service and everything around it.
pub(crate) struct Stage {
    pub(crate) host: FakeHost,
    pub(crate) instance: Rc<Instance>,
    watch: Rc<RefCell<Watch>>,
}

impl Stage {
    /// With the defaults of the documentation.
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// With some of the configuration given.
    pub(crate) fn with(pairs: &[(&str, &str)]) -> Self {
        let keys = Keys::generate([1; 32], [2; 32]).unwrap();
        let config = Config::read(|name| {
            let given = pairs.iter().find(|(given, _)| *given == name);
            given
                .map(|(_, value)| (*value).to_owned())
                .or_else(|| (name == "DOORWARD_KEYS").then(|| keys.clone()))
        });
        Self {
            host: FakeHost::new(),
            instance: Rc::new(Instance::new(config.unwrap())),
            watch: Rc::default(),
        }
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.instance.config.keys
    }

    pub(crate) fn kv(&self) -> &FakeKv {
        &self.host.ports().kv
    }

    pub(crate) fn fetch(&self) -> &FakeFetch {
        &self.host.ports().fetch
    }

    pub(crate) fn now(&self) -> Time {
        self.host.now()
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.host.advance(duration);
    }

    /// Lets time pass, a millisecond at a time, while what was put off until after the replies goes on.
    pub(crate) fn deferred_waits(&self, millis: u64) {
        for _ in 0..millis {
            self.host.run_deferred();
            self.advance(Duration::from_millis(1));
        }
    }

    /// The next flight to the database has this one statement, and this answer.
    pub(crate) fn sql(&self, name: &'static str, rows: Rows) {
        self.batch(vec![(name, rows)]);
    }

    /// The next flight to the database has these statements, and these answers.
    pub(crate) fn batch(&self, answers: Vec<(&'static str, Rows)>) {
        self.outcome(SqlOutcome::Rows(answers));
    }

    /// The next flight to the database fails.
    pub(crate) fn sql_fails(&self, error: SqlError) {
        self.outcome(SqlOutcome::Fails(error));
    }

    pub(crate) fn outcome(&self, outcome: SqlOutcome) {
        self.host.ports().sql.next(outcome);
    }

    /// Forgets the outcomes that were put down and that no flight took.
    pub(crate) fn forget_outcomes(&self) {
        self.host.ports().sql.forget();
    }

    /// The flights to the database since the last time.
    pub(crate) fn flights(&self) -> Vec<Batch> {
        let flights = self.host.ports().sql.take();
        self.watch.borrow().sql(&flights);
        flights
    }

    /// The one flight to the database since the last time.
    pub(crate) fn flight(&self) -> Batch {
        let mut flights = self.flights();
        assert_eq!(flights.len(), 1, "{flights:?}");
        flights.remove(0)
    }

    /// The flights to the cache since the last time.
    pub(crate) fn kv_flights(&self) -> Vec<Vec<Vec<String>>> {
        let flights = self.kv().take();
        self.watch.borrow().kv(&flights);
        flights
    }

    /// The lines of the log since the last time.
    pub(crate) fn log(&self) -> Vec<Line> {
        let lines = self.host.ports().log.take();
        self.watch.borrow().log(&lines);
        let parse = |(level, line): (Level, String)| {
            let json: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            assert_eq!(json["level"], level.to_string());
            Line { level, json }
        };
        lines.into_iter().map(parse).collect()
    }

    /// The one line of the log since the last time.
    pub(crate) fn line(&self) -> Line {
        let mut lines = self.log();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }

    /// What went out to other services since the last time.
    pub(crate) fn fetched(&self) -> Vec<Request<Bytes>> {
        let requests = self.fetch().take();
        self.watch.borrow().fetch(&requests);
        requests
    }

    /// Runs what waits until after the replies. All of it gets done.
    pub(crate) fn run_deferred(&self) {
        assert_eq!(self.host.run_deferred(), 0, "work after a reply waits for something");
    }

    /// Begins a request and lets it go as far as it can without the clock.
    pub(crate) fn start(&self, ask: &Ask) -> Call {
        self.watch.borrow_mut().request(&ask.headers, &ask.body);
        let mut request = Request::new(ask.body.clone());
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = format!("http://id.example{}", ask.path).parse().unwrap();
        *request.headers_mut() = ask.headers.clone();
        let address = ask.address.map(str::to_owned);
        let future = doorward_edge::handle(self.host.clone(), Rc::clone(&self.instance), address, request);
        let mut call = Call {
            future: Box::pin(future),
            answer: None,
            watch: Rc::clone(&self.watch),
            is_head: ask.method == Method::HEAD,
        };
        call.is_done();
        call
    }

    /// A request that waits for nothing.
    pub(crate) fn send(&self, ask: &Ask) -> Answer {
        self.start(ask).answer()
    }

    /// An access token of a session, made now.
    pub(crate) fn access_token(&self, user: UserId, session: SessionId) -> String {
        self.access_token_of(user, session, "member", None)
    }

    /// An access token of a session of somebody with this role in that firm, made now.
    pub(crate) fn access_token_of(&self, user: UserId, session: SessionId, role: &str, firm: Option<FirmId>) -> String {
        let policy = &self.instance.config.access;
        let claims = AccessClaims {
            subject: user,
            session,
            role: Role::parse(role).unwrap(),
            tier: Tier::Free,
            firm,
            issued_at: self.now(),
            expires_at: policy.expires_at(self.now()),
            id: RequestId::generate(self.now(), &self.host).unwrap(),
        };
        access::issue(self.keys(), policy, &claims).unwrap()
    }

    /// Watches for a token that the test made itself.
    pub(crate) fn guard(&self, token: &PlainToken) {
        self.watch.borrow_mut().mailed(token.expose());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.flights();
        self.kv_flights();
        self.fetched();
        self.log();
        assert_eq!(self.host.ports().sql.left(), 0, "answers that no flight asked for");
        assert_eq!(self.fetch().left(), 0, "answers that no request asked for");
    }
}

/// A line of the log.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) level: Level,
    json: Value,
}

impl Line {
    pub(crate) fn event(&self) -> &str {
        self.json["event"].as_str().unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        self.json["text"].as_str().unwrap()
    }

    pub(crate) fn request_id(&self) -> Option<&str> {
        self.json["requestId"].as_str()
    }
}

/// A request to be.
#[derive(Clone)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
    address: Option<&'static str>,
}

impl Ask {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            address: Some(ADDRESS),
        }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(crate) fn patch(path: &str) -> Self {
        Self::new(Method::PATCH, path)
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    #[expect(clippy::needless_pass_by_value, reason = "for `json!` to be given as it is")]
    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = body.to_string().into();
        self.header("content-type", "application/json")
    }

    /// A form of a page, with these fields.
    pub(crate) fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let escaped = |text: &str| {
            let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
            bytes.collect::<Vec<_>>().concat()
        };
        let pairs = fields.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
        self.body = pairs.collect::<Vec<_>>().join("&").into();
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// Whatever it is.
    pub(crate) fn sending(mut self, media_type: &str, body: &'static str) -> Self {
        self.body = Bytes::from_static(body.as_bytes());
        self.header("content-type", media_type)
    }

    pub(crate) fn token_mode(self) -> Self {
        self.header("x-doorward-mode", "token")
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn cookie(self, name: &str, value: &str) -> Self {
        self.header("cookie", &format!("{name}={value}"))
    }

    /// From there, or from nobody knows where.
    pub(crate) fn from(mut self, address: Option<&'static str>) -> Self {
        self.address = address;
        self
    }
}

/// A request under way.
pub(crate) struct Call {
    future: Pin<Box<dyn Future<Output = Response<Bytes>>>>,
    answer: Option<Response<Bytes>>,
    watch: Rc<RefCell<Watch>>,
    is_head: bool,
}

impl Call {
    /// Whether the reply is there, after letting the request go as far as it can.
    pub(crate) fn is_done(&mut self) -> bool {
        if self.answer.is_none() {
            self.answer = poll(&mut self.future);
        }
        self.answer.is_some()
    }

    /// Lets time pass, a millisecond at a time, while the request goes on.
    pub(crate) fn waits(&mut self, stage: &Stage, millis: u64) {
        for _ in 0..millis {
            let _ = self.is_done();
            stage.advance(Duration::from_millis(1));
        }
    }

    /// The reply, which must be there.
    pub(crate) fn answer(mut self) -> Answer {
        assert!(self.is_done(), "the request waits for something");
        let (parts, body) = self.answer.take().unwrap().into_parts();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        };
        answer.check(self.is_head);
        self.watch.borrow_mut().reply(&answer.headers, &answer.body);
        answer
    }
}

/// A reply.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// Status and code of an error, or just the status.
    pub(crate) fn outcome(&self) -> (u16, String) {
        let code = serde_json::from_slice::<Value>(&self.body).ok();
        let code = code.and_then(|json| json["code"].as_str().map(str::to_owned));
        (self.status.as_u16(), code.unwrap_or_default())
    }

    /// The `Set-Cookie` values.
    pub(crate) fn cookies(&self) -> Vec<&str> {
        let values = self.headers.get_all("set-cookie").iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    /// The value of a cookie that is set.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let mut pairs = self.cookies().into_iter().filter_map(|line| line.split(';').next());
        pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// The page.
    pub(crate) fn html(&self) -> &str {
        assert!(self.is_page(), "{self:?}");
        std::str::from_utf8(&self.body).unwrap()
    }

    fn is_page(&self) -> bool {
        self.header("content-type") == Some("text/html; charset=utf-8")
    }

    /// What every reply has in common.
    fn check(&self, is_head: bool) {
        let text = String::from_utf8_lossy(&self.body);
        assert!(!text.contains("$argon2") && !text.contains("SQLSTATE"), "{text}");
        let is_error = self.status.is_client_error() || self.status.is_server_error();
        if is_head {
            assert!(self.body.is_empty());
        } else if is_error && !self.is_page() {
            let json = self.json();
            let members: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
            assert!(
                matches!(members[..], ["code", "error"] | ["code", "details", "error"]),
                "{text}"
            );
        }
        let needed = match self.status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Some("retry-after"),
            StatusCode::METHOD_NOT_ALLOWED => Some("allow"),
            _ => None,
        };
        assert!(needed.is_none_or(|name| self.headers.contains_key(name)), "{self:?}");
        assert!(self.headers.contains_key("cache-control"), "{self:?}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        let policy = self.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"));
        if self.is_page() {
            let html = self.html();
            // One that asks for itself again doesn't know yet.
            let knows = html.contains("data-signed-in=\"") != self.headers.contains_key("refresh");
            assert!(is_head || is_error || knows, "{html}");
            for inline in ["style=", "<style", "onclick", "onsubmit", "javascript:"] {
                assert!(!html.contains(inline), "{inline}: {html}");
            }
            assert_eq!(self.header("cache-control"), Some("no-store"));
        }
        // A page's forms tell where they come from. What only leads to a page is neither.
        let referrer = self.header("referrer-policy");
        let of_a_page = policy.contains("form-action 'self'");
        assert_eq!(referrer, Some(if of_a_page { "same-origin" } else { "no-referrer" }));
        let id = self.header("x-request-id").unwrap_or_default();
        assert!(RequestId::parse(id).is_some(), "{self:?}");
    }
}

//! Our own small loader, for what `oha` can't send: registrations, each of another person (`oha` draws bodies by chance,
//! so that some would come twice), refreshes, each with the token that the last one answered, and logouts, each of
//! another session. On hyper's client connections, one a client, on one thread.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::SET_COOKIE;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::{Load, Shape, Target, due};
use crate::api::{Api, Call, Op, Person, Reply, call};
use crate::stats::percentile;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs `work` to its end on this thread.
///
/// # Errors
/// What `work` fails with.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, work)
}

/// One connection to a host, kept from call to call.
#[derive(Debug)]
pub(crate) struct Connection {
    authority: String,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// To the host at `base` (`http://address:port`); it is opened by the first call.
    pub(crate) fn new(base: &str) -> Self {
        let authority = base.trim_start_matches("http://").to_owned();
        Self {
            authority,
            sender: None,
        }
    }

    /// Sends a call and reads its answer, which must be a right one.
    pub(crate) async fn ask(&mut self, call: &Call) -> Result<Reply> {
        let reply = self.send(call).await?;
        call.check(&reply)?;
        Ok(reply)
    }

    async fn send(&mut self, call: &Call) -> Result<Reply> {
        let mut request = Request::builder().method(call.method).uri(call.path);
        request = request.header("host", &self.authority);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(Bytes::from(call.body.clone().unwrap_or_default())))?;
        let answer = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        if !matches!(answer, Ok(Ok(_))) {
            self.sender = None;
        }
        answer.context("no answer in time")?
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Reply> {
        // A host may close a connection that has been idle.
        let mut kept = self.sender.take();
        if let Some(sender) = &mut kept
            && sender.ready().await.is_err()
        {
            kept = None;
        }
        let mut sender = match kept {
            Some(sender) => sender,
            None => self.open().await?,
        };
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        self.sender = Some(sender);
        let cookies = head.headers.get_all(SET_COOKIE).iter();
        Ok(Reply {
            status: head.status.as_u16(),
            cookies: cookies
                .filter_map(|cookie| Some(cookie.to_str().ok()?.split(';').next()?.to_owned()))
                .collect(),
            server_timing: text(&head.headers, "server-timing"),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// Opens the connection, so that no call has to.
    async fn warm(&mut self) -> Result<()> {
        self.sender = Some(self.open().await?);
        Ok(())
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(async move { connection.await.ok() });
        Ok(sender)
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// When requests are due, and what came of them.
struct Course {
    shape: Shape,
    start: Instant,
    sent: Cell<usize>,
    latencies: RefCell<Vec<f64>>,
    wrong: RefCell<BTreeMap<String, usize>>,
}

impl Course {
    /// When the next request is due; `None` when there is none any more.
    fn next(&self) -> Option<Instant> {
        let number = self.sent.get();
        let time = match self.shape {
            Shape::Closed { seconds, .. } if self.start.elapsed().as_secs_f64() >= seconds => return None,
            Shape::Open { rate, seconds, .. } if number >= due(rate, seconds) => return None,
            Shape::Open { rate, .. } => {
                #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
                let after = Duration::from_secs_f64(number as f64 / rate);
                self.start + after
            }
            Shape::Closed { .. } | Shape::Once { .. } => Instant::now(),
        };
        self.sent.set(number + 1);
        Some(time)
    }

    /// Counts an answer; latency is from when its request was due.
    fn count(&self, due: Instant, outcome: Result<()>) {
        self.latencies.borrow_mut().push(due.elapsed().as_secs_f64() * 1000.0);
        if let Err(error) = outcome {
            *self.wrong.borrow_mut().entry(format!("{error:#}")).or_default() += 1;
        }
    }
}

/// What a run of the loader has, load by load.
#[derive(Debug, Default)]
pub(super) struct Tally {
    latencies: Vec<f64>,
    pub(super) seconds: f64,
    pub(super) wrong: BTreeMap<String, usize>,
}

impl Tally {
    /// All of it as one load.
    pub(super) fn load(mut self) -> Load {
        self.latencies.sort_by(f64::total_cmp);
        Load {
            requests: self.latencies.len(),
            seconds: self.seconds,
            percentiles: [0.5, 0.95, 0.99].map(|share| percentile(&self.latencies, share).unwrap_or(f64::NAN)),
            wrong: self.wrong,
        }
    }
}

/// Runs a load of `op` and adds it to `tally`. Each client has a connection, which is open when the load starts, and
/// people of its own.
pub(super) fn run(target: &mut Target<'_>, op: Op, shape: Shape, tally: &mut Tally) -> Result<()> {
    let (clients, people) = (shape.clients(), target.people.get_mut(1..).unwrap_or_default());
    if people.len() < clients {
        bail!("{} people for {clients} clients", people.len());
    }
    let (api, base, scene) = (target.api, target.base, target.scene);
    let serial = Cell::from_mut(target.serial);
    let crowd = people.len() / clients;
    let course = block_on(async {
        let mut connections = Vec::new();
        for _ in 0..clients {
            let mut connection = Connection::new(base);
            connection.warm().await?;
            connections.push(connection);
        }
        let course = Course {
            shape,
            start: Instant::now(),
            sent: Cell::new(0),
            latencies: RefCell::default(),
            wrong: RefCell::default(),
        };
        let clients = connections.into_iter().zip(people.chunks_mut(crowd));
        join_all(clients.map(|(connection, people)| {
            let mut client = Client {
                connection,
                api,
                base,
                scene,
                serial,
            };
            let course = &course;
            async move { client.run(course, people, op).await }
        }))
        .await;
        Ok(course)
    })?;
    tally.seconds += course.start.elapsed().as_secs_f64();
    tally.latencies.extend(course.latencies.into_inner());
    tally.wrong.extend(course.wrong.into_inner());
    Ok(())
}

struct Client<'a> {
    connection: Connection,
    api: Api,
    base: &'a str,
    scene: &'a str,
    serial: &'a Cell<u64>,
}

impl Client<'_> {
    /// One request after the other, by its people in turn.
    async fn run(&mut self, course: &Course, people: &mut [Person], op: Op) {
        let once = matches!(course.shape, Shape::Once { .. });
        let mut turn = 0;
        while !(once && turn == people.len())
            && let Some(due) = course.next()
        {
            let number = people.len();
            let Some(person) = people.get_mut(turn % number) else {
                return;
            };
            turn += 1;
            tokio::time::sleep_until(due.into()).await;
            let outcome = self.act(person, op).await;
            let failed = outcome.is_err();
            course.count(due, outcome);
            if failed {
                return;
            }
        }
    }

    async fn act(&mut self, person: &mut Person, op: Op) -> Result<()> {
        if op == Op::Register {
            let number = self.serial.get();
            self.serial.set(number + 1);
            let newcomer = Person::new(format!("newcomer-{number}-{}@bench.example", self.scene));
            let call = call(self.api, self.base, op, &newcomer);
            return self.connection.ask(&call).await.map(drop);
        }
        let reply = self.connection.ask(&call(self.api, self.base, op, person)).await?;
        if op == Op::Refresh {
            person.learn(self.api, &reply)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(shape: Shape) -> Course {
        Course {
            shape,
            start: Instant::now(),
            sent: Cell::new(0),
            latencies: RefCell::default(),
            wrong: RefCell::default(),
        }
    }

    #[test]
    fn an_open_load_is_due_at_fixed_times_and_counts_from_them() {
        let course = course(Shape::Open {
            clients: 1,
            rate: 100.0,
            seconds: 0.03,
        });
        let due: Vec<_> = std::iter::from_fn(|| course.next())
            .map(|due| due - course.start)
            .collect();
        assert_eq!(due, [0, 10, 20].map(Duration::from_millis));
        // A request that was due 50 ms ago has waited for 50 ms at least, whenever it was sent.
        course.count(Instant::now().checked_sub(Duration::from_millis(50)).unwrap(), Ok(()));
        assert!(course.latencies.borrow()[0] >= 50.0);
    }

    #[test]
    fn wrong_answers_make_a_load_wrong() {
        let course = course(Shape::Once { clients: 1 });
        course.count(course.start, Err(anyhow::anyhow!("answered 401")));
        let tally = Tally {
            latencies: course.latencies.into_inner(),
            seconds: 1.0,
            wrong: course.wrong.into_inner(),
        };
        assert!(tally.load().check().unwrap_err().to_string().contains("answered 401"));
    }
}

//! The people of a service: registered, signed in, and kept signed in; and the calls that are made in their names.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use postgres::NoTls;

use crate::api::{Api, Op, Person, Reply, call};
use crate::load::{self, Connection, Load, Shape, Target, block_on};

/// Access tokens end after 10 minutes; before that they are renewed.
const RENEW: Duration = Duration::from_mins(4);

/// How many sessions the person has whose sessions are listed.
const SESSIONS: usize = 5;

/// The people of one host.
#[derive(Debug)]
pub(crate) struct People {
    api: Api,
    base: String,
    /// The first is whose session is shown; the others sign in, refresh and sign out.
    all: Vec<Person>,
    renewed: Instant,
    /// Stands in addresses: nobody has had them.
    scene: String,
    serial: u64,
}

impl People {
    /// Nobody, at the host at `base`. `scene` is in no other address of the same database.
    pub(crate) fn new(api: Api, base: &str, scene: &str) -> Self {
        Self {
            api,
            base: base.to_owned(),
            all: Vec::new(),
            renewed: Instant::now(),
            scene: scene.to_owned(),
            serial: 0,
        }
    }

    pub(crate) fn offers(&self, op: Op) -> bool {
        self.api.offers(op)
    }

    /// Registers one person whose session is shown, and `others`, who sign in, refresh and sign out.
    pub(crate) fn enrol(&mut self, others: usize) -> Result<()> {
        if self.api == Api::Hello {
            return Ok(());
        }
        let (api, base) = (self.api, self.base.clone());
        let person = |number| Person::new(format!("person-{number}-{}@bench.example", self.scene));
        let mut people: Vec<Person> = (0..=others).map(person).collect();
        block_on(async {
            let connections = people.chunks_mut(others / 8 + 1).map(|people| async {
                let mut connection = Connection::new(&base);
                for person in people {
                    let reply = connection.ask(&call(api, &base, Op::Register, person)).await?;
                    person.learn(api, &reply)?;
                }
                anyhow::Ok(())
            });
            futures_util::future::try_join_all(connections).await?;
            let mut connection = Connection::new(&base);
            let shown = people.first().map(|person| call(api, &base, Op::Login, person));
            for login in shown.iter().cycle().take(SESSIONS - 1) {
                connection.ask(login).await?;
            }
            Ok(())
        })?;
        (self.all, self.renewed) = (people, Instant::now());
        Ok(())
    }

    /// One call by somebody who may make it, whose answer is looked at as a whole.
    pub(crate) fn call(&mut self, op: Op) -> Result<Reply> {
        let index = match op {
            Op::Login | Op::Refresh | Op::Logout => 1,
            _ => 0,
        };
        self.call_by(index, op)
    }

    fn call_by(&mut self, index: usize, op: Op) -> Result<Reply> {
        let newcomer = Person::new(format!("caller-{}-{}@bench.example", self.serial, self.scene));
        self.serial += 1;
        let person = self.all.get_mut(index).context("nobody there")?;
        let caller = if op == Op::Register { &newcomer } else { &*person };
        let call = call(self.api, &self.base, op, caller);
        let reply = block_on(async { Connection::new(&self.base).ask(&call).await })?;
        if matches!(op, Op::Login | Op::Refresh) {
            person.learn(self.api, &reply)?;
        }
        Ok(reply)
    }

    /// What has to be before a load: tokens that last, and one right answer, because `oha` looks at the status alone.
    pub(crate) fn prepare(&mut self, op: Op) -> Result<()> {
        if self.api == Api::Doorward && self.renewed.elapsed() > RENEW {
            for index in 0..self.all.len() {
                self.call_by(index, Op::Refresh)?;
            }
            self.renewed = Instant::now();
        }
        match op {
            Op::Login | Op::MeCookie | Op::MeBearer | Op::Sessions => self.call(op).map(drop),
            // Our own loader looks at every answer.
            Op::Hello | Op::Register | Op::Refresh | Op::Logout => Ok(()),
        }
    }

    /// Runs a load.
    pub(crate) fn load(&mut self, tools: &load::Tools, op: Op, shape: Shape, sessions: &mut Sessions) -> Result<Load> {
        let mut target = Target {
            api: self.api,
            base: &self.base,
            people: &mut self.all,
            tools,
            scene: &self.scene,
            serial: &mut self.serial,
            restore: &mut || sessions.restore(),
        };
        load::run(&mut target, op, shape)
    }
}

/// The sessions of a database, so that those that were signed out of can be signed out of again.
pub(crate) struct Sessions(Option<(postgres::Client, &'static str)>);

impl Sessions {
    /// Nobody signs out.
    pub(crate) fn untouched() -> Self {
        Self(None)
    }

    pub(crate) fn keep(api: Api, url: &str) -> Result<Self> {
        let mut client = postgres::Client::connect(url, NoTls)?;
        let restore = if api == Api::BetterAuth {
            client.batch_execute("CREATE TEMPORARY TABLE kept AS TABLE session")?;
            "INSERT INTO session SELECT * FROM kept ON CONFLICT DO NOTHING"
        } else {
            "UPDATE sessions SET revoked_at = NULL, reason = NULL WHERE revoked_at IS NOT NULL"
        };
        Ok(Self(Some((client, restore))))
    }

    fn restore(&mut self) -> Result<()> {
        let Some((client, restore)) = &mut self.0 else {
            return Ok(());
        };
        client.batch_execute(restore).context("bringing the sessions back")
    }
}

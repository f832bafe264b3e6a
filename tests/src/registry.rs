//! Cases by name: registered once in their module, played on every host.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Once, PoisonError};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::http::LOST_BY_WRANGLER;
use crate::stack::{Stack, World};
use crate::stage::{Host, Skip, Stage, Variant};

/// How a case is played.
#[derive(Clone, Copy)]
pub enum Play {
    /// On each host.
    Each(Variant, fn(&Stage)),
    /// Once, on both hosts together.
    Both(Variant, fn(&Stage, &Stage)),
    /// Once, on what stands behind the hosts.
    Services(fn(&Stack)),
}

/// A case under its name.
#[derive(Clone, Copy)]
pub struct Case {
    /// `module_path!()` of where it stands.
    pub module: &'static str,
    /// The function's name.
    pub name: &'static str,
    /// How it is played.
    pub play: Play,
}

impl Case {
    /// `auth::login::wrong_password_is_401`.
    fn path(&self) -> String {
        let module = self.module.trim_start_matches("doorward_tests::cases::");
        format!("{module}::{}", self.name)
    }
}

/// Cases that are played on each host: `each![Main; first, second]`.
#[macro_export]
macro_rules! each {
    ($variant:ident; $($name:ident),+ $(,)?) => {
        vec![$($crate::registry::Case {
            module: module_path!(),
            name: stringify!($name),
            play: $crate::registry::Play::Each($crate::stage::Variant::$variant, $name),
        }),+]
    };
}

/// Cases that are played once on both hosts: `both![Main; first, second]`.
#[macro_export]
macro_rules! both {
    ($variant:ident; $($name:ident),+ $(,)?) => {
        vec![$($crate::registry::Case {
            module: module_path!(),
            name: stringify!($name),
            play: $crate::registry::Play::Both($crate::stage::Variant::$variant, $name),
        }),+]
    };
}

/// Cases that need no host: `services![first, second]`.
#[macro_export]
macro_rules! services {
    ($($name:ident),+ $(,)?) => {
        vec![$($crate::registry::Case {
            module: module_path!(),
            name: stringify!($name),
            play: $crate::registry::Play::Services($name),
        }),+]
    };
}

/// Whether the cases of a binary may be played beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Beside each other.
    Parallel,
    /// One after another, each with the stack to itself.
    Alone,
}

/// How many requests wrangler's proxy may lose in one run.
const FEW: usize = 10;

/// Plays the cases on a stack called `name`, as the command line says (`--list`, a filter, `--test-threads`, as with any Rust test).
pub fn run(name: &'static str, cases: &[Case], order: Order) -> ExitCode {
    hush_panics();
    let mut arguments = Arguments::from_args();
    let world = Arc::new(World::new(name));
    arguments.test_threads = match order {
        Order::Alone => Some(1),
        // More than there are cores: a case mostly waits for a host.
        Order::Parallel => arguments.test_threads.or(Some(4)),
    };
    let trials = cases.iter().flat_map(|case| trials(*case, &world)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Before the process ends, so that the services are ended with it.
    world.end();
    let lost = LOST_BY_WRANGLER.load(Ordering::Relaxed);
    if lost > 0 {
        println!("wrangler's proxy lost {lost} requests, which were sent again; more than {FEW} would be a failure");
    }
    if lost > FEW {
        ExitCode::FAILURE
    } else {
        conclusion.exit_code()
    }
}

fn trials(case: Case, world: &Arc<World>) -> Vec<Trial> {
    let path = case.path();
    let trial = |name: String, play: Box<dyn FnOnce(&World) + Send>| {
        let world = Arc::clone(world);
        Trial::ignorable_test(name, move || guarded(AssertUnwindSafe(|| play(&world))))
    };
    match case.play {
        Play::Each(variant, function) => Host::ALL
            .into_iter()
            .map(|host| {
                let play = move |world: &World| function(&world.stage(host, variant));
                trial(format!("{}::{path}", host.name()), Box::new(play))
            })
            .collect(),
        Play::Both(variant, function) => {
            let play = move |world: &World| {
                function(&world.stage(Host::Workers, variant), &world.stage(Host::Spin, variant));
            };
            vec![trial(format!("both::{path}"), Box::new(play))]
        }
        Play::Services(function) => {
            let play = move |world: &World| function(world.stack());
            vec![trial(format!("services::{path}"), Box::new(play))]
        }
    }
}

thread_local! {
    static PLACE: Mutex<Option<String>> = const { Mutex::new(None) };
}

/// Panics are the cases' way of failing: their text is shown once, in the summary, not when they happen.
fn hush_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
            PLACE.with(|slot| {
                // The first panic of a thread is the one that explains the others.
                slot.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&place);
            });
        }));
    });
}

fn guarded(play: AssertUnwindSafe<impl FnOnce()>) -> Result<Completion, Failed> {
    let Err(panic) = catch_unwind(play) else {
        return Ok(Completion::Completed);
    };
    if let Some(Skip(reason)) = panic.downcast_ref() {
        return Ok(Completion::ignored_with(reason));
    }
    let text = panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic without words".to_owned());
    let place = PLACE.with(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner).take());
    Err(format!(
        "at {}: {text}",
        place.unwrap_or_else(|| "a thread of the case".to_owned())
    )
    .into())
}

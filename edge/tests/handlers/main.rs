//! Ring 3: the handlers in process, whole requests in and whole replies out, over a host that the test holds in its hands
//! (`fake`). Here is what a black box can hardly reach: what is sent to whom and in which order, what happens when a
//! dependency hangs, lies or breaks, what time does, and that no secret goes where it shouldn't.

mod account;
mod admin;
mod assets;
mod breached;
mod cookies;
mod costs;
mod data;
mod degraded;
mod fake;
mod firms;
mod guards;
mod invitations;
mod limits;
mod login;
mod logout;
mod mail;
mod me;
mod office_sessions;
mod one_time;
mod origin;
mod outages;
mod pages;
mod profiles;
mod readyz;
mod refresh;
mod register;
mod rollout;
mod rows;
mod stage;
mod timing;
mod watch;

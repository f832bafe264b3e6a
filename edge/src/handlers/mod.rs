//! The endpoints, one a file. A handler's header is its contract; its body parses, decides, writes one batch, replies.

pub(crate) mod admin_events;
pub(crate) mod admin_users;
pub(crate) mod assets;
pub(crate) mod change_email;
pub(crate) mod change_password;
pub(crate) mod delete_account;
pub(crate) mod firms;
pub(crate) mod forgot_password;
pub(crate) mod healthz;
pub(crate) mod invitations;
pub(crate) mod jwks;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod maintenance;
pub(crate) mod me;
pub(crate) mod office_sessions;
pub(crate) mod one_time;
pub(crate) mod openapi;
mod profile_fields;
pub(crate) mod profiles;
pub(crate) mod readyz;
pub(crate) mod refresh;
pub(crate) mod register;
pub(crate) mod resend_verification;
pub(crate) mod reset_password;
pub(crate) mod sessions;
pub(crate) mod verify_email;

//! The services beside the hosts: PostgreSQL, Valkey, and the gateway that puts HTTP in front of both.

pub mod gateway;
pub mod postgres;
pub mod valkey;

//! The services beside the hosts: PostgreSQL, Valkey, and the gateway that puts HTTP in front of both; and for the bench
//! a pool of connections and a proxy that delays.

pub mod delay;
pub mod gateway;
pub mod pgbouncer;
pub mod postgres;
pub mod valkey;

//! What the gateway can be told.

use std::net::SocketAddr;

use clap::Args;

/// Where to listen, what to put HTTP in front of, and the secret that guards it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The address to listen on
    #[arg(
        long,
        env = "DOORWARD_GATEWAY_LISTEN",
        default_value = "127.0.0.1:8786",
        value_name = "HOST:PORT"
    )]
    pub(crate) listen: SocketAddr,

    /// The Redis or Valkey, as redis://user:password@host:port/number
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) redis_url: String,

    /// The secret that callers send as `Authorization: Bearer`, at least 16 characters
    #[arg(long, env = "DOORWARD_GATEWAY_TOKEN", hide_env_values = true, value_parser = token)]
    pub(crate) token: String,

    /// The most connections that one login has to the Postgres at a time
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    pub(crate) sql_connections: usize,

    /// Also take mail at /emails, as Resend does, and show it at /mailbox: for development only
    #[arg(long)]
    pub(crate) dev_mail: bool,

    /// Show that mail to whoever reaches an address that isn't this machine's own
    #[arg(long, requires = "dev_mail")]
    pub(crate) expose_dev_mail: bool,
}

fn token(text: &str) -> Result<String, &'static str> {
    if text.len() < 16 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("at least 16 printable ASCII characters without spaces");
    }
    Ok(text.to_owned())
}

//! Client addresses, as keys of rate limits.

use alloc::format;
use alloc::string::{String, ToString};
use core::net::{IpAddr, Ipv6Addr};

/// What a client's address counts as for rate limits.
///
/// An IPv4 address counts whole, also when it is written as an IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2). An
/// IPv6 address counts by its /64, the least that a client is given (RFC 6177), which has addresses without end. What is no
/// address is `unknown`, one bucket for all of it.
pub fn rate_key(address: &str) -> String {
    match address.trim().parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => address.to_string(),
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        Err(_) => String::from("unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        for (address, key) in [
            ("192.0.2.7", "192.0.2.7"),
            (" 192.0.2.7 ", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
            ("::1", "::/64"),
            ("", "unknown"),
            ("192.0.2.7:443", "unknown"),
            ("192.0.2.07", "unknown"),
            ("unix:", "unknown"),
        ] {
            assert_eq!(rate_key(address), key, "{address}");
        }
    }
}

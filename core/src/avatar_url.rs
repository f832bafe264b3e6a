//! Addresses of pictures. Others' browsers load them, and perhaps a server of ours one day: so no address that means
//! something else from where it is loaded, and none that leads into a private network.

use alloc::string::String;
use core::net::{Ipv4Addr, Ipv6Addr};

/// The longest address, in characters.
const MAX_CHARS: usize = 2048;
/// Names that lead back into somebody's own network, with everything below them (RFC 6761, 6762, 8375, 9476).
const PRIVATE_SUFFIXES: [&str; 6] = ["localhost", "local", "internal", "localdomain", "home.arpa", "alt"];

/// The https address of a picture on a public host: at most 2048 characters, no credentials, kept as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AvatarUrl(String);

validated_text!(AvatarUrl);

problems! {
    /// Why a text is no address of a picture.
    pub enum AvatarUrlError {
        /// Nothing was given.
        Required => "required", "Enter the address of a picture.";
        /// More than 2048 characters.
        TooLong => "too_long", "Use at most 2048 characters.";
        /// No https address, or one with a name and a password in it.
        Invalid => "invalid_url", "Enter an address that begins with https://.";
        /// The host is in a private network, or is no public name.
        PrivateHost => "private_host", "The picture has to be on a public host.";
    }
}

impl AvatarUrl {
    /// Reads an address; white space around it is dropped.
    ///
    /// # Errors
    /// See [`AvatarUrlError`].
    pub fn parse(raw: &str) -> Result<Self, AvatarUrlError> {
        let text = raw.trim();
        if text.is_empty() {
            return Err(AvatarUrlError::Required);
        }
        if text.len() > MAX_CHARS {
            return Err(AvatarUrlError::TooLong);
        }
        // RFC 3986 writes everything else with percent signs; browsers read a backslash as a slash.
        let plain =
            |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'`' | b'{' | b'}');
        if !text.bytes().all(plain) {
            return Err(AvatarUrlError::Invalid);
        }
        let rest = after_scheme(text).ok_or(AvatarUrlError::Invalid)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(AvatarUrlError::Invalid);
        }
        check_authority(authority)?;
        Ok(Self(text.into()))
    }
}

fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_at_checked("https://".len())?;
    scheme.eq_ignore_ascii_case("https://").then_some(rest)
}

fn check_authority(authority: &str) -> Result<(), AvatarUrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(AvatarUrlError::Invalid)?;
        let address: Ipv6Addr = host.parse().map_err(|_| AvatarUrlError::Invalid)?;
        check_port(port)?;
        return require_public(is_public_v6(address));
    }
    let (host, port) = match authority.find(':') {
        Some(at) => authority.split_at(at),
        None => (authority, ""),
    };
    check_port(port)?;
    // A dot at the end only says that the name is whole.
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    // What ends in a number is an IPv4 address, or what browsers take for one (WHATWG URL, "ends in a number").
    if last.bytes().all(|byte| byte.is_ascii_digit())
        || last.get(..2).is_some_and(|begin| begin.eq_ignore_ascii_case("0x"))
    {
        let address: Ipv4Addr = host.parse().map_err(|_| AvatarUrlError::Invalid)?;
        return require_public(is_public_v4(address));
    }
    if host.len() > 253 || !host.split('.').all(is_label) {
        return Err(AvatarUrlError::Invalid);
    }
    require_public(host.contains('.') && !PRIVATE_SUFFIXES.iter().any(|suffix| is_below(host, suffix)))
}

fn require_public(public: bool) -> Result<(), AvatarUrlError> {
    if public {
        Ok(())
    } else {
        Err(AvatarUrlError::PrivateHost)
    }
}

/// Nothing, or a colon and a port.
fn check_port(text: &str) -> Result<(), AvatarUrlError> {
    let Some(digits) = text.strip_prefix(':') else {
        return if text.is_empty() {
            Ok(())
        } else {
            Err(AvatarUrlError::Invalid)
        };
    };
    let is_port = digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0);
    if is_port { Ok(()) } else { Err(AvatarUrlError::Invalid) }
}

/// A label of a host name (RFC 1123, section 2.1).
fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len()) && label.bytes().all(plain) && !label.starts_with('-') && !label.ends_with('-')
}

/// Whether a host is this name or stands below it.
fn is_below(host: &str, name: &str) -> bool {
    let Some((above, end)) = host
        .len()
        .checked_sub(name.len())
        .and_then(|at| host.split_at_checked(at))
    else {
        return false;
    };
    end.eq_ignore_ascii_case(name) && (above.is_empty() || above.ends_with('.'))
}

/// Whether the internet leads there (IANA's registry of special-purpose IPv4 addresses; multicast left out, too).
fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127 | 224..=255, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 168, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

/// The same for IPv6: global unicast (2000::/3) without what stands for something else in it: protocol assignments and
/// Teredo (2001::/23), 6to4 (2002::/16), documentation. Addresses that carry an IPv4 address are outside of it.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn takes_public_addresses_as_they_are() {
        for text in [
            "https://example.com",
            "https://example.com/a.png",
            "HTTPS://Cdn.Example.com:8443/a/b.png?s=80#x",
            "https://example.com./a.png",
            "https://xn--bcher-kva.example/a.png",
            "https://93.184.216.34/a.png",
            "https://[2606:2800:220:1::1]:443/a.png",
            "https://example.com?a@b",
            "https://internal.example.com/",
            "https://100.128.0.1/",
            "https://172.32.0.1/",
        ] {
            assert_eq!(AvatarUrl::parse(text).map(|url| url.0), Ok(text.into()), "{text}");
        }
        assert_eq!(
            AvatarUrl::parse(" https://example.com/ ").unwrap().as_str(),
            "https://example.com/"
        );
        let long = format!("https://example.com/{}", "a".repeat(2028));
        assert!(AvatarUrl::parse(&long).is_ok());
        assert_eq!(AvatarUrl::parse(&format!("{long}a")), Err(AvatarUrlError::TooLong));
        assert_eq!(AvatarUrl::parse(" "), Err(AvatarUrlError::Required));
    }

    #[test]
    fn refuses_what_is_no_https_address() {
        for text in [
            "http://example.com/a.png",
            "//example.com/a.png",
            "example.com",
            "https:example.com",
            "https://",
            "https:///a.png",
            "https://user@example.com/",
            "https://user:pass@example.com/",
            "https://@example.com/",
            "https://exa mple.com/",
            "https://example.com/\u{e9}",
            "https://example.com\\@evil.example/",
            "https://example.com/\"onerror=",
            "https://example.com:0/",
            "https://example.com:65536/",
            "https://example.com:/",
            "https://example.com:+80/",
            "https://ex_ample.com/",
            "https://-a.example.com/",
            "https://a..example.com/",
            "https://%31%32%37.0.0.1/",
            "https://[::1/",
            "https://[::1]x/",
            "https://[fe80::1%25eth0]/",
            "https://1.2.3/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://127.0.0.0x1/",
            "https://0177.0.0.1/",
            "data:image/png;base64,AAAA",
            "javascript:alert(1)",
        ] {
            assert_eq!(AvatarUrl::parse(text), Err(AvatarUrlError::Invalid), "{text}");
        }
    }

    #[test]
    fn refuses_private_hosts() {
        for host in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "printer.local",
            "vault.internal",
            "router.home.arpa",
            "intranet",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.0.0.1.",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:93.184.216.34]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[fc00::1]",
            "[fdff::1]",
            "[fe80::1]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[2001::1]",
            "[2002:7f00:1::]",
        ] {
            let text = format!("https://{host}/a.png");
            assert_eq!(AvatarUrl::parse(&text), Err(AvatarUrlError::PrivateHost), "{text}");
        }
    }
}

//! `avatarUrl`: https, and no address inside anybody's network.

use serde_json::json;

use super::{MINE, UPDATE, profile};
use crate::each;
use crate::registry::Case;
use crate::stage::Stage;

pub(super) fn cases() -> Vec<Case> {
    each![Main; public_https_addresses_are_taken, everything_else_is_refused]
}

fn public_https_addresses_are_taken(stage: &Stage) {
    let person = stage.signed(None, "member");
    for url in [
        "https://images.example.com/a.png",
        "https://images.example.com:8443/a/b%20c.png?size=200&v=1",
        "https://93.184.216.34/a.png",
        "https://[2606:2800:220:1:248:1893:25c8:1946]/a.png",
        "https://xn--bcher-kva.example/a.png",
        "https://172.32.0.1/a.png",
        "https://11.0.0.1/a.png",
        "https://example.com",
    ] {
        let after = profile(&person.patch(UPDATE, &json!({ "avatarUrl": url })));
        let kept = after["avatarUrl"].as_str().unwrap_or_default();
        assert_eq!(kept.trim_end_matches('/'), url.trim_end_matches('/'));
    }
}

fn everything_else_is_refused(stage: &Stage) {
    let person = stage.signed(None, "member");
    let long = format!("https://example.com/{}", "a".repeat(2048));
    for url in [
        // No https.
        "http://example.com/a.png",
        "//example.com/a.png",
        "/a.png",
        "example.com/a.png",
        "ftp://example.com/a.png",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "file:///etc/passwd",
        "https:example.com",
        "https:/example.com",
        "https://",
        "https:///a.png",
        // Who one is has no place in it.
        "https://user:password@example.com/a.png",
        "https://user@example.com/a.png",
        "https://@example.com/a.png",
        // Names that lead inside.
        "https://localhost/a.png",
        "https://LOCALHOST./a.png",
        "https://a.localhost/a.png",
        "https://printer.local/a.png",
        "https://metadata.google.internal/a.png",
        "https://intranet/a.png",
        // IPv4: loopback, private, link-local, shared, unspecified, multicast, broadcast.
        "https://127.0.0.1/a.png",
        "https://127.1/a.png",
        "https://2130706433/a.png",
        "https://0x7f000001/a.png",
        "https://0177.0.0.1/a.png",
        "https://10.0.0.1/a.png",
        "https://172.16.0.1/a.png",
        "https://172.31.255.255/a.png",
        "https://192.168.1.1/a.png",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/a.png",
        "https://0.0.0.0/a.png",
        "https://224.0.0.1/a.png",
        "https://255.255.255.255/a.png",
        // IPv6: loopback, unspecified, link-local, unique local, mapped.
        "https://[::1]/a.png",
        "https://[::]/a.png",
        "https://[fe80::1]/a.png",
        "https://[fd00::1]/a.png",
        "https://[fc00::1]/a.png",
        "https://[::ffff:127.0.0.1]/a.png",
        "https://[::ffff:a00:1]/a.png",
        "https://[::ffff:10.0.0.1]:443/a.png",
        // No address at all.
        "https://[::1/a.png",
        "https://exa mple.com/a.png",
        "https://example.com:99999/a.png",
        "https://example.com/a.png\u{0}",
        "https://example.com/\na.png",
        "https://example..com/a.png",
        "https://example.com\\@127.0.0.1/a.png",
        &long,
    ] {
        let reply = person.patch(UPDATE, &json!({ "avatarUrl": url }));
        assert_eq!(reply.status, 400, "{url:?}\n{reply}");
        reply.invalid(&["avatarUrl"]);
    }
    assert!(profile(&person.get(MINE))["avatarUrl"].is_null());
}

//! `GET /.well-known/jwks.json`.

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::registry::Case;
use crate::shape::{keys_are, text};
use crate::stage::Stage;
use crate::timing::flights;
use crate::{both, each};

const JWKS: &str = "/.well-known/jwks.json";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = each![Main; holds_public_keys_only, holds_every_key_that_verifies, needs_nothing_behind_it];
    cases.extend(both![Main; is_the_same_on_both_hosts]);
    cases
}

fn holds_public_keys_only(stage: &Stage) {
    let reply = stage.call("GET", JWKS).send().expect(200);
    let body = reply.json();
    keys_are(&body, &["keys"]);
    let keys = body["keys"].as_array().expect("keys is an array");
    assert!(!keys.is_empty());
    for key in keys {
        // RFC 8037, section 2, and RFC 7517, section 4. Above all: no d, no k.
        keys_are(key, &["kty", "crv", "x", "kid", "use", "alg"]);
        assert_eq!((&key["kty"], &key["crv"]), (&"OKP".into(), &"Ed25519".into()));
        assert_eq!((&key["use"], &key["alg"]), (&"sig".into(), &"EdDSA".into()));
        assert_eq!(
            Base64UrlUnpadded::decode_vec(&text(key, "x")).expect("base64url").len(),
            32
        );
        assert!(!text(key, "kid").is_empty());
    }
}

fn holds_every_key_that_verifies(stage: &Stage) {
    let body = stage.call("GET", JWKS).send().expect(200).json();
    let found: Vec<_> = body["keys"]
        .as_array()
        .expect("keys")
        .iter()
        .map(|key| (text(key, "kid"), text(key, "x")))
        .collect();
    let ring = stage.keys();
    let expected =
        [&ring.active, &ring.older].map(|key| (key.kid.clone(), Base64UrlUnpadded::encode_string(&key.public())));
    assert_eq!(
        found, expected,
        "both keys while they overlap, and not the one for MACs"
    );
}

fn needs_nothing_behind_it(stage: &Stage) {
    let flights = flights(&stage.call("GET", JWKS).send().expect(200));
    assert_eq!((flights.sql, flights.kv), (0, 0));
}

fn is_the_same_on_both_hosts(workers: &Stage, spin: &Stage) {
    let [one, other] = [workers, spin].map(|stage| stage.call("GET", JWKS).send().expect(200).text());
    assert_eq!(one, other);
}

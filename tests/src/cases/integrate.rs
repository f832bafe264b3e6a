//! What docs/INTEGRATE.md shows other services works: the examples, run beside each host, let in whom they should and
//! nobody else.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use xtask::examples::Example;
use xtask::process::Service;

use crate::each;
use crate::http::{Base, Reply};
use crate::jwt::{Signatory, decode, hmac_sha256, unsigned};
use crate::registry::Case;
use crate::stage::Stage;

pub(super) fn cases() -> Vec<Case> {
    each![Main;
        the_rust_service_lets_in_a_good_token,
        the_rust_service_refuses_every_other,
        the_node_service_lets_in_a_good_token,
        the_node_service_refuses_every_other,
    ]
}

fn the_rust_service_lets_in_a_good_token(stage: &Stage) {
    lets_in_a_good_token(&Neighbour::start(stage, Example::Rust, "good"), stage);
}

fn the_rust_service_refuses_every_other(stage: &Stage) {
    refuses_every_other(&Neighbour::start(stage, Example::Rust, "bad"), stage);
}

fn the_node_service_lets_in_a_good_token(stage: &Stage) {
    lets_in_a_good_token(&Neighbour::start(stage, Example::Node, "good"), stage);
}

fn the_node_service_refuses_every_other(stage: &Stage) {
    refuses_every_other(&Neighbour::start(stage, Example::Node, "bad"), stage);
}

/// An example that runs and trusts the stage's host.
struct Neighbour {
    base: Base,
    /// A token that the host made, and its bearer's id.
    token: String,
    subject: Value,
    _service: Service,
}

impl Neighbour {
    fn start(stage: &Stage, example: Example, purpose: &str) -> Self {
        let (_, session) = stage.somebody();
        let issuer = decode(&session.access).claims["iss"].clone();
        let environment = BTreeMap::from([
            ("ISSUER", issuer.as_str().expect("iss is a text").to_owned()),
            ("AUDIENCE", "doorward".to_owned()),
            ("JWKS_URL", format!("{}/.well-known/jwks.json", stage.base.origin())),
        ]);
        let name = format!("{}-{purpose}", stage.host.name());
        let (service, port) = example.start(&name, &environment).expect("the example starts");
        Self {
            base: Base::parse(&format!("http://127.0.0.1:{port}")),
            token: session.access,
            subject: session.user["id"].clone(),
            _service: service,
        }
    }

    fn ask(&self, token: &str) -> Reply {
        self.base.call("GET", "/").bearer(token).send_unchecked()
    }
}

fn lets_in_a_good_token(neighbour: &Neighbour, stage: &Stage) {
    let claims = decode(&neighbour.token).claims;
    let reply = neighbour.ask(&neighbour.token);
    assert_eq!(reply.status, 200, "{reply}");
    assert_eq!(
        reply.json(),
        json!({"sub": neighbour.subject, "sid": claims["sid"], "role": "member", "tier": "free", "firm": null})
    );
    // What the suite's own keys sign is as good, also by the key before the last renewal: so what is refused below is
    // refused for its one difference.
    for key in [&stage.keys().active, &stage.keys().older] {
        let reply = neighbour.ask(&key.sign(&key.header(), &claims));
        assert_eq!(reply.status, 200, "{reply}");
    }
}

fn refuses_every_other(neighbour: &Neighbour, stage: &Stage) {
    let keys = stage.keys();
    let (header, claims) = (keys.active.header(), decode(&neighbour.token).claims);
    let header_with = |name: &str, value: Value| with(&header, name, value);
    let signed = |header: &Value, claims: &Value| keys.active.sign(header, claims);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();

    let hs256 = |secret: &[u8]| {
        let text = unsigned(&header_with("alg", json!("HS256")), &claims);
        let mac = hmac_sha256(secret, text.as_bytes());
        format!("{text}.{}", Base64UrlUnpadded::encode_string(&mac))
    };
    let x = Base64UrlUnpadded::encode_string(&keys.active.public());
    let signature = neighbour.token.rsplit('.').next().expect("three parts");
    let promoted = with(&claims, "role", json!("admin"));
    let stranger = Signatory::generate();
    let ours_by_name = with(&stranger.header(), "kid", json!(keys.active.kid));

    for (why, token) in [
        ("empty", String::new()),
        ("no JWT", "a.b.c".to_owned()),
        ("expired", signed(&header, &with(&claims, "exp", json!(now - 60)))),
        ("without an end", signed(&header, &without(&claims, "exp"))),
        (
            "not yet valid",
            signed(&header, &with(&claims, "nbf", json!(now + 600))),
        ),
        (
            "for others",
            signed(&header, &with(&claims, "aud", json!("another-service"))),
        ),
        ("for nobody", signed(&header, &without(&claims, "aud"))),
        (
            "by others",
            signed(&header, &with(&claims, "iss", json!("https://evil.example"))),
        ),
        ("of another kind", signed(&header_with("typ", json!("JWT")), &claims)),
        ("of no kind", signed(&without(&header, "typ"), &claims)),
        (
            "another algorithm",
            signed(&header_with("alg", json!("ES256")), &claims),
        ),
        (
            "no algorithm",
            format!("{}.", unsigned(&header_with("alg", json!("none")), &claims)),
        ),
        (
            "no algorithm, signed",
            signed(&header_with("alg", json!("none")), &claims),
        ),
        ("HS256 with the public key", hs256(&keys.active.public())),
        ("HS256 with the public key's text", hs256(x.as_bytes())),
        (
            "critical headers",
            signed(&with(&header, "crit", json!(["exp"])), &claims),
        ),
        ("changed", format!("{}.{signature}", unsigned(&header, &promoted))),
        (
            "without a signature",
            neighbour.token.trim_end_matches(signature).to_owned(),
        ),
        ("an unknown key", stranger.sign(&stranger.header(), &claims)),
        ("another key under our name", stranger.sign(&ours_by_name, &claims)),
        ("no key", signed(&without(&header, "kid"), &claims)),
    ] {
        let reply = neighbour.ask(&token);
        assert_eq!(reply.status, 401, "{why}: {reply}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{why}: {reply}");
        assert!(reply.body.is_empty(), "{why}: {reply}");
    }
    let none = neighbour.base.call("GET", "/").send_unchecked();
    assert_eq!(none.status, 401, "{none}");
    // And it still lets in the good one.
    assert_eq!(neighbour.ask(&neighbour.token).status, 200);
}

fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    object
}

fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object.as_object_mut().expect("an object").remove(name);
    object
}

//! `GET /healthz` and `GET /readyz`. What they say while something is down is in the cases of the outage.

use serde_json::Value;

use crate::each;
use crate::registry::Case;
use crate::stage::Stage;
use crate::timing::flights;

pub(super) fn cases() -> Vec<Case> {
    each![Main; healthz_is_200_and_asks_nobody, readyz_names_each_dependency, readyz_publishes_the_bound, tell_no_secret]
}

fn healthz_is_200_and_asks_nobody(stage: &Stage) {
    let reply = stage.call("GET", "/healthz").send().expect(200);
    let flights = flights(&reply);
    assert_eq!((flights.sql, flights.kv), (0, 0), "{reply}");
}

fn readyz_names_each_dependency(stage: &Stage) {
    let reply = stage.call("GET", "/readyz").send().expect(200);
    assert!(reply.json().is_object(), "{reply}");
    let text = reply.text().to_lowercase();
    for names in [["postgres", "database", "sql"], ["redis", "valkey", "kv"]] {
        assert!(
            names.iter().any(|name| text.contains(name)),
            "none of {names:?}\n{reply}"
        );
    }
    let flights = flights(&reply);
    assert!(flights.sql >= 1 && flights.kv >= 1, "it asks each of them\n{reply}");
}

fn readyz_publishes_the_bound(stage: &Stage) {
    // How old the answer to "does this session still live?" may be: 5 seconds, unless configured otherwise.
    fn numbers(value: &Value) -> Vec<f64> {
        match value {
            Value::Number(number) => number.as_f64().into_iter().collect(),
            Value::Array(items) => items.iter().flat_map(numbers).collect(),
            Value::Object(fields) => fields.values().flat_map(numbers).collect(),
            _ => Vec::new(),
        }
    }
    let reply = stage.call("GET", "/readyz").send().expect(200);
    let found = numbers(&reply.json());
    assert!(
        found
            .iter()
            .any(|number| [5.0, 5000.0].iter().any(|bound| (number - bound).abs() < 0.5)),
        "{reply}"
    );
}

fn tell_no_secret(stage: &Stage) {
    for path in ["/healthz", "/readyz"] {
        let text = stage.call("GET", path).send().expect(200).text();
        for secret in [
            &stage.stack.database_url,
            &stage.stack.redis_url,
            &stage.stack.gateway_token,
        ] {
            assert!(!text.contains(secret.as_str()), "{path} tells {secret}");
        }
        assert!(!text.contains("://"), "{path} tells where something is: {text}");
    }
}

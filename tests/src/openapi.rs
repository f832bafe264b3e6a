//! Holds every reply that the suite sees to the host's own description, `/openapi.json`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::http::{Base, Reply};

/// A description, and what was compiled of it.
#[derive(Debug)]
struct Description {
    document: Value,
    /// By the JSON of the schema.
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

/// What the description says of a call.
enum Found<'a> {
    /// The path isn't there.
    NoPath,
    /// The path is, the method isn't.
    NoMethod {
        /// Whether other texts at the same place would be no path at all.
        templated: bool,
    },
    Operation(&'a Value),
}

/// Asserts that a reply is one of those that the host's description has for the call.
///
/// What isn't described, a host must not know: such a path is 404, or a page for people; such a method is 405.
///
/// # Panics
/// When it isn't.
pub fn check(base: &Base, method: &str, path: &str, reply: &Reply) {
    let description = description(base);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let is_json = reply.header("content-type").is_some_and(|kind| kind.contains("json"));
    let operation = match description.find(method, path) {
        Found::Operation(operation) => operation,
        Found::NoPath => return assert!(reply.status == 404 || !is_json, "not in the description\n{reply}"),
        // A preflight, which any path answers.
        Found::NoMethod { .. } if method == "OPTIONS" && reply.status == 204 => return,
        Found::NoMethod { templated } => {
            return assert!(
                reply.status == 405 || templated && reply.status == 404,
                "this method isn't in the description\n{reply}"
            );
        }
    };
    let status = reply.status.to_string();
    let response = description.resolve(&operation["responses"][&status]);
    // HEAD goes where GET goes, but not where GET changes something.
    if response.is_null() && method == "HEAD" && reply.status == 405 {
        return;
    }
    assert!(!response.is_null(), "this status isn't in the description\n{reply}");
    description.check_headers(response, reply);
    if method != "HEAD" {
        description.check_body(response, is_json, reply);
    }
}

/// Method and path of every call that the host describes, as the description has them: `get`, `/api/profiles/{id}`.
///
/// # Panics
/// When there is no description.
pub fn calls(base: &Base) -> Vec<(String, String)> {
    let description = description(base);
    let paths = description.document["paths"].as_object().expect("paths");
    let methods = |(path, item): (&String, &Value)| -> Vec<_> {
        let item = item.as_object().into_iter().flatten();
        item.map(|(method, _)| (method.clone(), path.clone())).collect()
    };
    paths.iter().flat_map(methods).collect()
}

/// The description of a host, asked for once.
fn description(base: &Base) -> Arc<Description> {
    type Slot = Arc<OnceLock<Arc<Description>>>;
    static ALL: Mutex<BTreeMap<String, Slot>> = Mutex::new(BTreeMap::new());
    let slot = {
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(base.authority().to_owned()).or_default())
    };
    let fetch = || {
        let reply = base.call("GET", "/openapi.json").send_unchecked().expect(200);
        Arc::new(Description {
            document: reply.json(),
            validators: Mutex::default(),
        })
    };
    Arc::clone(slot.get_or_init(fetch))
}

impl Description {
    fn find(&self, method: &str, path: &str) -> Found<'_> {
        let paths = &self.document["paths"];
        let exact = paths.get(path).map(|item| (item, false));
        let templated = || {
            let all = paths.as_object()?.iter();
            let mut found = all.filter(|(template, _)| template.contains('{') && matches(template, path));
            Some((found.next()?.1, true))
        };
        let Some((item, templated)) = exact.or_else(templated) else {
            return Found::NoPath;
        };
        let name = if method == "HEAD" { "GET" } else { method };
        // Methods are case-sensitive (RFC 9110, section 9.1).
        match item.get(name.to_lowercase()) {
            Some(operation) if name == name.to_uppercase() => Found::Operation(operation),
            _ => Found::NoMethod { templated },
        }
    }

    /// What a link leads to; anything else as it is.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(link) = value["$ref"].as_str() else {
            return value;
        };
        let pointer = link.trim_start_matches('#');
        self.document
            .pointer(pointer)
            .unwrap_or_else(|| panic!("the description has no {link}"))
    }

    fn check_headers(&self, response: &Value, reply: &Reply) {
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let header = self.resolve(header);
            let values: Vec<_> = reply.headers(name).collect();
            assert!(
                !values.is_empty() || header["required"] != true,
                "the header {name} is missing\n{reply}"
            );
            for value in values {
                let value = match header["schema"]["type"].as_str() {
                    Some("integer") => value
                        .parse::<i64>()
                        .map_or_else(|_| json!(value), |number| json!(number)),
                    _ => json!(value),
                };
                self.validate(&header["schema"], &value, reply);
            }
        }
    }

    fn check_body(&self, response: &Value, is_json: bool, reply: &Reply) {
        match response.pointer("/content/application~1json/schema") {
            None => assert!(reply.body.is_empty(), "the description has no body here\n{reply}"),
            Some(schema) => {
                assert!(is_json, "not declared as JSON\n{reply}");
                self.validate(schema, &reply.json(), reply);
            }
        }
    }

    fn validate(&self, schema: &Value, value: &Value, reply: &Reply) {
        let problems: Vec<_> = self
            .validator(schema)
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(
            problems.is_empty(),
            "not as described: {}\n{reply}",
            problems.join("; ")
        );
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let compile = || {
            // Its links lead into the description.
            let whole = json!({"allOf": [schema], "components": self.document["components"]});
            let validator = jsonschema::draft202012::new(&whole);
            Arc::new(validator.unwrap_or_else(|e| panic!("the description has a schema that is none: {e}")))
        };
        Arc::clone(validators.entry(schema.to_string()).or_insert_with(compile))
    }
}

/// Whether a path is one of a template such as `/api/auth/sessions/{id}`.
fn matches(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(expected), Some(given)) if expected == given || (expected.starts_with('{') && !given.is_empty()) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_take_one_segment() {
        let template = "/api/auth/sessions/{id}";
        assert!(matches(template, "/api/auth/sessions/1"));
        for other in [
            "/api/auth/sessions",
            "/api/auth/sessions/",
            "/api/auth/sessions/1/2",
            "/api/auth/x/1",
        ] {
            assert!(!matches(template, other), "{other}");
        }
    }
}

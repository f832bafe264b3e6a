//! `GET /openapi.json`. That replies are as it says is held for every reply of the suite; here it is what requests bring.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::cases::office_sessions::{ask, office_session, pair, wednesday};
use crate::each;
use crate::http::Call;
use crate::people::{Firm, Signed};
use crate::registry::Case;
use crate::shape::text;
use crate::stage::Stage;

pub(super) fn cases() -> Vec<Case> {
    each![Main;
        is_openapi_3_1_and_may_be_kept,
        operations_have_names_of_their_own,
        bodies_have_the_fields_that_the_calls_read,
        privileges_are_refused_where_they_are_described_as_such,
    ]
}

fn description(stage: &Stage) -> Value {
    stage.call("GET", "/openapi.json").send().expect(200).json()
}

fn is_openapi_3_1_and_may_be_kept(stage: &Stage) {
    let reply = stage.call("GET", "/openapi.json").send().expect(200);
    assert_eq!(reply.header("cache-control"), Some("public, max-age=300"), "{reply}");
    assert_eq!(reply.json()["openapi"], "3.1.0");
    let head = stage.call("HEAD", "/openapi.json").send().expect(200);
    assert_eq!(head.header("content-length"), reply.header("content-length"), "{head}");
}

fn operations_have_names_of_their_own(stage: &Stage) {
    let description = description(stage);
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&description) {
        let name = operation["operationId"].as_str().unwrap_or_default();
        assert!(
            !name.is_empty() && names.insert(name),
            "{method} {path} is called {name:?}"
        );
    }
}

/// Path, method and operation of every call.
fn operations(description: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = description["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let operations = item.as_object().into_iter().flatten();
        operations.map(move |(method, operation)| (path, method, operation))
    })
}

/// A body's schema, taken apart.
struct Body {
    required: BTreeSet<String>,
    /// What the call reads.
    read: BTreeSet<String>,
    /// What it refuses as a privilege.
    refused: BTreeSet<String>,
}

impl Body {
    fn of(operation: &Value, description: &Value) -> Option<Self> {
        let link = operation.pointer("/requestBody/content/application~1json/schema/$ref")?;
        let schema = description.pointer(link.as_str()?.trim_start_matches('#'))?;
        let is_refused = |property: &Value| property["$ref"] == "#/components/schemas/Refused";
        let properties = schema["properties"].as_object()?;
        let names = |refused: bool| {
            let those = properties
                .iter()
                .filter(move |(_, property)| is_refused(property) == refused);
            those.map(|(name, _)| name.clone()).collect()
        };
        let required = schema["required"].as_array().into_iter().flatten();
        Some(Self {
            required: required.filter_map(|name| Some(name.as_str()?.to_owned())).collect(),
            read: names(false),
            refused: names(true),
        })
    }
}

/// Who may make the calls that take a body, and the ids of what they may be made on.
struct Callers {
    root: Signed,
    firm: Firm,
    mentee: Signed,
    office_session: String,
}

impl Callers {
    fn new(stage: &Stage) -> Self {
        let (mentor, mentee) = pair(stage, None);
        let asked = office_session(&ask(&mentee, &mentor, &wednesday(stage, "10:00")), 201);
        Self {
            root: stage.root(),
            firm: stage.firm(),
            mentee,
            office_session: text(&asked, "id"),
        }
    }

    /// In token mode, because a refresh reads its body only there.
    fn call(&self, method: &str, path: &str) -> Call {
        let office = path.starts_with("/api/office-sessions");
        let by = if office { &self.mentee } else { &self.root };
        let id = if path.starts_with("/api/firms") {
            self.firm.id.clone()
        } else if office {
            self.office_session.clone()
        } else if path.starts_with("/api/admin") {
            self.mentee.id()
        } else {
            by.id()
        };
        by.call(&method.to_uppercase(), &path.replace("{id}", &id)).token_mode()
    }
}

/// Calls `act` with each call that takes a body.
fn each_body(stage: &Stage, act: impl Fn(&dyn Fn() -> Call, &Body, &str)) {
    let description = description(stage);
    let callers = Callers::new(stage);
    let mut bodies = 0;
    for (path, method, operation) in operations(&description) {
        let Some(body) = Body::of(operation, &description) else {
            continue;
        };
        // Logging out makes the best of whatever there is.
        if operation["responses"]["400"].is_null() {
            continue;
        }
        bodies += 1;
        act(&|| callers.call(method, path), &body, &format!("{method} {path}"));
    }
    assert!(bodies > 20, "only {bodies} calls take a body");
}

fn paths(details: &Value, code: &str) -> BTreeSet<String> {
    let details = details.as_array().into_iter().flatten();
    let those = details.filter(|detail| detail["code"] == code);
    those
        .filter_map(|detail| Some(detail["path"].as_str()?.to_owned()))
        .collect()
}

fn bodies_have_the_fields_that_the_calls_read(stage: &Stage) {
    each_body(stage, |call, body, name| {
        if !body.required.is_empty() {
            let details = call().json(&json!({})).send().error(400, "VALIDATION_FAILED");
            assert_eq!(
                paths(&details, "required"),
                body.required,
                "what must be there in {name}"
            );
        }
        // Neither of these is a type that any field has but those which hold lists and objects.
        let mut refused = BTreeSet::new();
        for value in [json!([]), json!({}), json!(1e300)] {
            let wrong: Map<_, _> = body.read.iter().map(|name| (name.clone(), value.clone())).collect();
            let details = call().json(&wrong.into()).send().error(400, "VALIDATION_FAILED");
            refused.extend(paths(&details, "wrong_type"));
        }
        assert_eq!(refused, body.read, "what is read by {name}");
    });
}

fn privileges_are_refused_where_they_are_described_as_such(stage: &Stage) {
    each_body(stage, |call, body, name| {
        let privileges = ["role", "status", "tier", "isVerified"];
        let known = privileges.map(|name| body.refused.contains(name) || body.read.contains(name));
        assert!(
            known.iter().filter(|known| **known).count() >= 3,
            "{name} refuses {:?}",
            body.refused
        );
        for privilege in &body.refused {
            call()
                .json(&json!({ privilege: "admin" }))
                .send()
                .error(403, "FORBIDDEN");
        }
    });
}

//! The OpenAPI 3.1 description of every JSON call, made from the types that are sent, the fields that are read, and the
//! codes with which requests fail.
//!
//! Only natively, with the feature `openapi`: the artifacts carry its result, `openapi.json`. To write that anew:
//! `cargo run -p doorward-edge --features openapi --example openapi`.

#![expect(
    clippy::indexing_slicing,
    reason = "no request reaches this: it runs natively, on JSON that it has made itself"
)]

mod bodies;
mod calls;
pub(crate) mod formats;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use crate::error::Code;
use crate::handlers::readyz::{Dependencies, Readiness, State};
use crate::mail::deliver::Delivered;
use crate::maintenance::{Report, Swept};
use crate::sessions::SessionAnswer;
use crate::store::events::Event;
use crate::store::firms::Firm;
use crate::store::invitations::Invitation;
use crate::store::sessions::Listed;
use crate::store::users::User;

/// What the file begins with, for people.
const ABOUT: &str = "Accounts and sessions. Every reply carries `x-request-id`; every error is \
    `{error, code, details?}` with one of the codes of `ErrorCode`. A path that isn't here is 404 `NOT_FOUND`, a method \
    that isn't here 405 `METHOD_NOT_ALLOWED` with `Allow`; where GET goes, HEAD goes, except to refresh. Unknown fields of a body are \
    ignored, a repeated one is refused. Over https the cookies carry the prefix `__Host-`. A browser's request that \
    changes something has to come from the same origin or a trusted one, otherwise it is 403 `ORIGIN_REFUSED`.";

/// The description as the text of `openapi.json`.
pub fn text() -> String {
    let mut text = document().to_string();
    text.push('\n');
    text
}

fn document() -> Value {
    let calls = calls::all();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Doorward",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": "account"}, {"name": "sessions"}, {"name": "profiles"}, {"name": "office sessions"}, {"name": "administration"}, {"name": "service"}],
        "paths": calls::paths(&calls),
        "components": {
            "schemas": schemas(),
            "responses": refusals(&calls),
            "headers": headers(),
            "parameters": {
                "Mode": {
                    "name": "x-doorward-mode", "in": "header", "required": false,
                    "description": "`token` for a client that keeps its tokens itself: no cookie is set, and the answer holds `refreshToken` too.",
                    "schema": {"type": "string"}, "example": "token",
                },
                "Session": id_in_path("id", "a session, from the list of sessions"),
                "User": id_in_path("id", "a user"),
                "Firm": id_in_path("id", "a firm"),
                "Invitation": id_in_path("invitationId", "an invitation"),
                "OfficeSession": id_in_path("id", "an office session"),
                "Role": {"name": "role", "in": "query", "schema": formats::role(), "description": "People of this role."},
                "FirmKey": {
                    "name": "firm", "in": "query", "schema": {"type": "string"},
                    "description": "People of this firm, by its id or its slug.",
                },
                "Search": {
                    "name": "q", "in": "query", "schema": {"type": "string"},
                    "description": "A part of the name or the address, 2 to 100 characters; letters' case doesn't matter.",
                },
                "OfficeSessionStatus": {
                    "name": "status", "in": "query", "schema": formats::office_session_status(),
                    "description": "Those that stand like this.",
                },
                "Limit": {
                    "name": "limit", "in": "query", "schema": formats::limit(),
                    "description": "How many at most; 20 unless given.",
                },
                "Cursor": {
                    "name": "cursor", "in": "query", "schema": {"type": "string"},
                    "description": "`nextCursor` of the page before.",
                },
                "EventUser": {
                    "name": "user", "in": "query", "schema": formats::id_read(),
                    "description": "Events about this user.",
                },
                "EventKind": {
                    "name": "kind", "in": "query", "schema": formats::kind(),
                    "description": "Events of this kind.",
                },
            },
            "securitySchemes": {
                "accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "accessCookie": {"type": "apiKey", "in": "cookie", "name": "doorward_access"},
                "refreshCookie": {"type": "apiKey", "in": "cookie", "name": "doorward_refresh"},
                "maintenanceToken": {"type": "http", "scheme": "bearer", "description": "The configured `MAINTENANCE_TOKEN`."},
            },
        },
    })
}

/// A parameter of a path: the id of something.
fn id_in_path(name: &str, of: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true, "schema": formats::id_read(),
        "description": format!("The id of {of}."),
    })
}

/// A link to a component.
fn link(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

fn schemas() -> Value {
    let mut all = bodies::schemas();
    all.extend(bodies::formats());
    let mut add = |name: &str, schema: Value| all.insert(name.to_owned(), schema);
    add(
        "ErrorCode",
        json!({"type": "string", "enum": Code::ALL.map(Code::as_str)}),
    );
    add("User", closed(&json!(User::schema()), &[]));
    add(
        "SessionAnswer",
        closed(&json!(SessionAnswer::schema()), &["refreshToken"]),
    );
    add("Session", closed(&json!(Listed::schema()), &[]));
    add("Readiness", closed(&json!(Readiness::schema()), &[]));
    add("Dependencies", closed(&json!(Dependencies::schema()), &[]));
    add("State", closed(&json!(State::schema()), &["reason"]));
    add("Report", closed(&json!(Report::schema()), &[]));
    add("Delivered", closed(&json!(Delivered::schema()), &[]));
    add("Swept", closed(&json!(Swept::schema()), &[]));
    let user = link("schemas", "User");
    add(
        "UserAnswer",
        closed(&json!({"type": "object", "properties": {"user": user}}), &[]),
    );
    add("Firm", closed(&json!(Firm::schema()), &[]));
    let firm = link("schemas", "Firm");
    add(
        "FirmAnswer",
        closed(&json!({"type": "object", "properties": {"firm": firm}}), &[]),
    );
    add("Firms", page("firms", "Firm"));
    add("Invitation", closed(&json!(Invitation::schema()), &[]));
    let invitation = link("schemas", "Invitation");
    add(
        "InvitationAnswer",
        closed(
            &json!({"type": "object", "properties": {"invitation": invitation}}),
            &[],
        ),
    );
    add("Invitations", page("invitations", "Invitation"));
    add("Event", closed(&json!(Event::schema()), &[]));
    add("Events", page("events", "Event"));
    add("OfficeSession", office_session());
    let one = json!({"type": "object", "properties": {"officeSession": link("schemas", "OfficeSession")}});
    add("OfficeSessionAnswer", closed(&one, &[]));
    add("OfficeSessions", page("officeSessions", "OfficeSession"));
    add("Profile", profile());
    let profile = json!({"type": "object", "properties": {"profile": link("schemas", "Profile")}});
    add("ProfileAnswer", closed(&profile, &[]));
    add("Profiles", page("profiles", "Profile"));
    let sessions = json!({"type": "array", "items": link("schemas", "Session")});
    add(
        "Sessions",
        closed(&json!({"type": "object", "properties": {"sessions": sessions}}), &[]),
    );
    let accepted = json!({"type": "object", "properties": {"message": {"type": "string"}}});
    add("Accepted", closed(&accepted, &[]));
    let health = json!({"type": "object", "properties": {"status": formats::words(["ok"])}});
    add("Health", closed(&health, &[]));
    add("Jwks", jwks());
    let document = json!({"type": "object", "required": ["openapi", "info", "paths", "components"]});
    add("OpenApi", document);
    let held = json!({"description": "Ends this token's session too. Anything else is ignored."});
    add("SignOut", json!({"properties": {"refreshToken": held}}));
    add("FieldError", field_error());
    let details = json!({"type": "array", "minItems": 1, "items": link("schemas", "FieldError")});
    add("ValidationFailed", refusal(&[Code::ValidationFailed], Some(&details)));
    add(
        "NotReady",
        refusal(&[Code::Unavailable], Some(&link("schemas", "Readiness"))),
    );
    Value::Object(all)
}

/// A page of a list.
fn page(name: &str, item: &str) -> Value {
    let items = json!({"type": "array", "items": link("schemas", item), "maxItems": 100});
    let next = json!({"type": ["string", "null"], "description": "Leads to the next page; null on the last one."});
    let properties = json!({name: items, "nextCursor": next});
    closed(&json!({"type": "object", "properties": properties}), &[])
}

/// An object that has these properties and no others, all of them but the `optional` ones in any case.
fn closed(schema: &Value, optional: &[&str]) -> Value {
    let mut schema = schema.clone();
    let names = schema["properties"].as_object().into_iter().flat_map(Map::keys);
    let required: Vec<_> = names
        .filter(|name| !optional.contains(&name.as_str()))
        .cloned()
        .collect();
    schema["required"] = json!(required);
    for name in optional {
        // Left out, never null.
        let kind = &mut schema["properties"][*name]["type"];
        if let Some(first) = kind.get(0).cloned() {
            *kind = first;
        }
    }
    schema["additionalProperties"] = json!(false);
    schema
}

/// What `store::office_sessions` makes.
fn office_session() -> Value {
    let (id, time, name) = (json!(formats::id()), json!(formats::time()), formats::given());
    let text = json!({"type": ["string", "null"]});
    let properties = json!({
        "id": id, "mentorId": id, "menteeId": id, "mentorName": name, "menteeName": name,
        "startsAt": time, "endsAt": time,
        "timeZone": {"type": "string", "description": "That of the mentor's hours.", "example": "Europe/Berlin"},
        "status": formats::office_session_status(),
        "proposedBy": formats::side(),
        "topic": text, "createdAt": time, "updatedAt": time,
    });
    closed(&json!({"type": "object", "properties": properties}), &[])
}

/// What `store::profiles` makes: a user and what belongs to it.
fn profile() -> Value {
    let text = json!({"type": ["string", "null"]});
    let or_null = |properties: Value| {
        let object = closed(&json!({"type": "object", "properties": properties}), &[]);
        json!({"oneOf": [{"type": "null"}, object]})
    };
    let clock = json!({"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"});
    let slot = json!({"type": "object", "properties": {
        "id": formats::id(), "weekday": {"type": "integer", "minimum": 1, "maximum": 7},
        "start": clock, "end": clock, "timeZone": {"type": "string"},
    }});
    let ahead = json!({
        "type": "array", "maxItems": 20, "items": link("schemas", "OfficeSession"),
        "description": "The next ones that are requested or confirmed.",
    });
    let mut profile = json!(User::schema());
    profile["properties"]["firm"] =
        or_null(json!({"id": formats::id(), "slug": {"type": "string"}, "name": {"type": "string"}}));
    profile["properties"]["mentor"] = or_null(json!({
        "headline": text, "bio": text,
        "expertise": {"type": "array", "items": {"type": "string"}},
        "availability": {"type": "array", "items": closed(&slot, &[])},
        "officeSessions": ahead,
    }));
    profile["properties"]["mentee"] = or_null(json!({"goals": text, "officeSessions": ahead}));
    closed(&profile, &[])
}

/// What `core::token::keys` publishes (RFC 7517; RFC 8037, section 2).
fn jwks() -> Value {
    let key = json!({"type": "object", "properties": {
        "kty": formats::words(["OKP"]),
        "crv": formats::words(["Ed25519"]),
        "x": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
        "kid": formats::given(),
        "use": formats::words(["sig"]),
        "alg": formats::words(["EdDSA"]),
    }});
    let keys = json!({"type": "array", "minItems": 1, "items": closed(&key, &[])});
    closed(&json!({"type": "object", "properties": {"keys": keys}}), &[])
}

/// `core::error::FieldError`.
fn field_error() -> Value {
    let properties = json!({
        "path": {"type": "string", "description": "The field's name; empty for the body as a whole."},
        "code": {"type": "string", "pattern": "^[a-z0-9_]+$"},
        "message": formats::given(),
    });
    closed(&json!({"type": "object", "properties": properties}), &[])
}

/// The error format with one of these codes.
fn refusal(codes: &[Code], details: Option<&Value>) -> Value {
    let codes: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    let mut properties = json!({
        "error": {"type": "string", "minLength": 1, "description": "A sentence for a person."},
        "code": {"type": "string", "enum": codes},
    });
    if let Some(details) = details {
        properties["details"] = details.clone();
    }
    closed(&json!({"type": "object", "properties": properties}), &[])
}

/// The headers that say something.
fn headers() -> Value {
    json!({
        "RequestId": {"required": true, "schema": formats::id(), "description": "Names the request in the logs."},
        "ServerTiming": {"schema": {"type": "string"}, "description": "Flights and times, where `SERVER_TIMING` is on."},
        "RetryAfter": {"required": true, "schema": {"type": "integer", "minimum": 1}, "description": "Seconds."},
        "Allow": {"required": true, "schema": {"type": "string"}, "description": "The methods that there are."},
        "Challenge": {"required": true, "schema": formats::bearer(), "description": "RFC 6750."},
        "Cached": {"required": true, "schema": formats::words(["public, max-age=300"])},
        "Cookies": {
            "schema": {"type": "string"},
            "description": "Two of them, `doorward_access` and `doorward_refresh`: set by a sign-in, cleared when the session is over. None in token mode.",
        },
    })
}

/// The headers of a reply, by name.
fn headers_of(special: &[(&str, &str)]) -> Value {
    let common = [("x-request-id", "RequestId"), ("server-timing", "ServerTiming")];
    let all = common.iter().chain(special);
    all.map(|(name, component)| ((*name).to_owned(), link("headers", component)))
        .collect::<Map<_, _>>()
        .into()
}

/// The codes of a call, by their status.
fn by_status(codes: &[Code]) -> BTreeMap<u16, Vec<Code>> {
    let mut statuses: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in Code::ALL.iter().filter(|code| codes.contains(code)) {
        statuses.entry(code.status().as_u16()).or_default().push(*code);
    }
    statuses
}

/// What a component for refusals with these codes is called.
fn refusal_name(status: u16, codes: &[Code]) -> String {
    let codes: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    format!("{status}.{}", codes.join("."))
}

/// Every set of codes that a call can answer with one status; and those that no call of its own has.
fn refusals(calls: &[calls::Call]) -> Value {
    let mut all = Map::new();
    let elsewhere = [Code::NotFound, Code::MethodNotAllowed];
    for (status, codes) in calls
        .iter()
        .map(calls::Call::codes)
        .chain([elsewhere.to_vec()])
        .flat_map(|c| by_status(&c))
    {
        all.insert(refusal_name(status, &codes), response(&codes));
    }
    Value::Object(all)
}

fn response(codes: &[Code]) -> Value {
    let sentences: Vec<_> = codes
        .iter()
        .map(|code| format!("`{}`: {}", code.as_str(), code.sentence()))
        .collect();
    let rest: Vec<_> = codes
        .iter()
        .copied()
        .filter(|code| *code != Code::ValidationFailed)
        .collect();
    let validation = link("schemas", "ValidationFailed");
    let schema = match (rest.len(), codes.len()) {
        (0, _) => validation,
        (rest_len, len) if rest_len == len => refusal(&rest, None),
        _ => json!({"oneOf": [validation, refusal(&rest, None)]}),
    };
    let mut special = Vec::new();
    let has = |wanted: Code| codes.contains(&wanted);
    if has(Code::RateLimited) || has(Code::Unavailable) {
        special.push(("retry-after", "RetryAfter"));
    }
    if has(Code::MethodNotAllowed) {
        special.push(("allow", "Allow"));
    }
    if has(Code::Unauthenticated) {
        special.push(("www-authenticate", "Challenge"));
    }
    if has(Code::RefreshInvalid) {
        special.push(("set-cookie", "Cookies"));
    }
    json!({
        "description": sentences.join(" "),
        "headers": headers_of(&special),
        "content": {"application/json": {"schema": schema}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_what_the_code_says() {
        assert!(
            include_str!("../openapi.json") == text(),
            "write it anew: cargo run -p doorward-edge --features openapi --example openapi"
        );
    }

    /// Every link leads somewhere.
    #[test]
    fn no_link_is_broken() {
        fn follow(part: &Value, whole: &Value) {
            match part {
                Value::Object(members) => {
                    if let Some(link) = members.get("$ref").and_then(Value::as_str) {
                        assert!(whole.pointer(link.trim_start_matches('#')).is_some(), "{link}");
                    }
                    members.values().for_each(|member| follow(member, whole));
                }
                Value::Array(items) => items.iter().for_each(|item| follow(item, whole)),
                _ => {}
            }
        }
        let whole = document();
        follow(&whole, &whole);
    }
}

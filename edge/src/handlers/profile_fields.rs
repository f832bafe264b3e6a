//! What a change of a profile brings: each field on its own, null or an empty text to clear it. What only a mentor or a
//! mentee has may also stand in `mentor` and `mentee`, as a profile shows it.

use std::fmt;

use bytes::Bytes;
use doorward_core::availability::{Availability, AvailabilityError, ClockTime, MAX_SLOTS, Slot};
use doorward_core::avatar_url::AvatarUrl;
use doorward_core::error::{FieldError, FieldProblem, Problem};
use doorward_core::expertise::{ExpertiseError, ExpertiseName, MAX_NAMES};
use doorward_core::name::PersonName;
use doorward_core::phone::Phone;
use doorward_core::preferences::PreferencesChange;
use doorward_core::text::{LongText, ShortText};
use doorward_core::time_zone::TimeZone;
use http::HeaderMap;
use serde_json::{Map, Value, json};

use crate::error::Failure;
use crate::extract::Fields;
use crate::json;
use crate::store::profiles::{MENTEE_FIELDS, MENTOR_FIELDS};

/// A field that belongs to a role that the person hasn't.
#[derive(Debug)]
pub(super) struct NotForRole;

impl fmt::Display for NotForRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("This field is for another role.")
    }
}

impl Problem for NotForRole {
    fn code(&self) -> &'static str {
        "not_for_role"
    }
}

/// A text that was read, or what is wrong with it.
type Checked = Result<String, FieldError>;
/// Reads the text of the field with this name.
type Parse = fn(&'static str, &str) -> Checked;

/// The optional texts with their parsers.
const TEXTS: [(&str, Parse); 7] = [
    ("phone", |path, raw| checked(path, Phone::parse(raw))),
    ("avatarUrl", |path, raw| checked(path, AvatarUrl::parse(raw))),
    ("department", |path, raw| checked(path, ShortText::<100>::parse(raw))),
    ("position", |path, raw| checked(path, ShortText::<100>::parse(raw))),
    ("headline", |path, raw| checked(path, ShortText::<120>::parse(raw))),
    ("bio", |path, raw| checked(path, LongText::<2000>::parse(raw))),
    ("goals", |path, raw| checked(path, LongText::<2000>::parse(raw))),
];

fn checked<T: fmt::Display, E: Problem>(path: &'static str, parsed: Result<T, E>) -> Checked {
    parsed
        .map(|value| value.to_string())
        .map_err(|problem| FieldError::new(path, &problem))
}

/// A change, every field of which is valid.
#[derive(Debug)]
pub(super) struct ProfileFields(Map<String, Value>);

impl ProfileFields {
    /// Reads a body.
    pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<Self, Failure> {
        let mut fields = Fields::read(headers, body, &[])?;
        fields.lift("mentor", MENTOR_FIELDS);
        fields.lift("mentee", MENTEE_FIELDS);
        let mut patch = Map::new();
        if fields.has("name")
            && let Some(name) = fields.required("name", PersonName::parse)
        {
            patch.insert("name".to_owned(), name.as_str().into());
        }
        for (path, parse) in TEXTS {
            if fields.has(path) {
                let value = match fields.optional_text(path).filter(|raw| !raw.trim().is_empty()) {
                    None => Value::Null,
                    Some(raw) => match parse(path, &raw) {
                        Ok(text) => text.into(),
                        Err(error) => {
                            fields.note(error);
                            continue;
                        }
                    },
                };
                patch.insert(path.to_owned(), value);
            }
        }
        if let Some(sent) = fields.object("preferences") {
            match PreferencesChange::new(sent) {
                Ok(change) => {
                    let (set, removed) = change.into_parts();
                    patch.insert("preferences".to_owned(), set.into());
                    patch.insert("removed".to_owned(), removed.into());
                }
                Err(problem) => fields.problem::<()>("preferences", &problem).unwrap_or_default(),
            }
        }
        if let Some(names) = expertise(&mut fields) {
            patch.insert("expertise".to_owned(), names.into());
        }
        if let Some(hours) = availability(&mut fields) {
            patch.insert("availability".to_owned(), hours);
        }
        fields.finish()?;
        Ok(Self(patch))
    }

    /// As the store takes it.
    pub(super) fn patch(&self) -> String {
        json::text(&Value::Object(self.0.clone()))
    }

    /// The fields that change.
    pub(super) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

fn expertise(fields: &mut Fields) -> Option<Vec<String>> {
    fields.list("expertise", MAX_NAMES, &ExpertiseError::TooMany, &mut |item| {
        let name = item.required("", ExpertiseName::parse)?;
        Some(name.as_str().to_owned())
    })
}

/// All hours anew, in minutes since midnight.
fn availability(fields: &mut Fields) -> Option<Value> {
    let mut all = Availability::default();
    fields.list("availability", MAX_SLOTS, &AvailabilityError::TooMany, &mut |item| {
        let weekday = item.integer("weekday");
        if weekday.is_none() {
            item.problem::<()>("weekday", &FieldProblem::Required);
        }
        let start = item.required("start", ClockTime::parse);
        let end = item.required("end", ClockTime::parse);
        let zone = item.required("timeZone", TimeZone::parse);
        let (weekday, start, end, zone) = (weekday?, start?, end?, zone?);
        let added = Slot::new(weekday, start, end).and_then(|slot| all.add(slot, &zone));
        added
            .map_err(|problem| {
                let path = match problem {
                    AvailabilityError::Weekday => "weekday",
                    AvailabilityError::Order => "end",
                    AvailabilityError::OtherZone => "timeZone",
                    _ => "",
                };
                item.problem::<()>(path, &problem);
            })
            .ok()
    })?;
    let zone = all.zone().map(TimeZone::as_str);
    let hours = all.slots().iter().map(|slot| {
        json!({
            "weekday": slot.weekday(),
            "start_minute": slot.start().minutes(),
            "end_minute": slot.end().minutes(),
            "time_zone": zone,
        })
    });
    Some(hours.collect())
}

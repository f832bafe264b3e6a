//! `/profile/edit`: what others may find about one, and what a mentor or a mentee has besides.

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::form::{Field, Form, Problems, field, select, submit};
use super::json::{at, items, text};
use super::layout::{self, Width, heading};
use super::step::Step;
use super::text::Words;
use super::visit::View;
use crate::json;
use crate::mail::locale::Locale;
use crate::reply::Reply;
use crate::router::Resource;

/// The fields that everybody has, as they go into the body.
const TEXTS: [&str; 8] = [
    "name",
    "phone",
    "department",
    "position",
    "avatarUrl",
    "headline",
    "bio",
    "goals",
];
/// How many lines for hours are there to be filled in.
const SPARE_HOURS: usize = 2;
/// The most lines for hours that a form has.
const MAX_HOURS: usize = 52;

pub(super) fn step(form: &Form) -> Step {
    Step::post(
        Resource::ProfileUpdate,
        json::text(&as_json(form)).into(),
        "/profile/edit?done=saved",
    )
}

/// A profile as the form shows it.
fn as_form(profile: &Value) -> Form {
    let mut pairs = Vec::new();
    let mut add = |name: &str, value: &str| pairs.push((name.to_owned(), value.to_owned()));
    for name in ["name", "phone", "department", "position", "avatarUrl"] {
        add(name, text(profile, name));
    }
    add("locale", text(at(profile, "preferences"), "locale"));
    let mentor = at(profile, "mentor");
    if mentor.is_object() {
        add("headline", text(mentor, "headline"));
        add("bio", text(mentor, "bio"));
        let names: Vec<_> = items(mentor, "expertise").iter().filter_map(Value::as_str).collect();
        add("expertise", &names.join(", "));
        let hours = items(mentor, "availability");
        add("timeZone", hours.first().map_or("", |first| text(first, "timeZone")));
        for (number, slot) in hours.iter().enumerate() {
            add(&format!("weekday-{number}"), &json::text(at(slot, "weekday")));
            add(&format!("start-{number}"), text(slot, "start"));
            add(&format!("end-{number}"), text(slot, "end"));
        }
    }
    if at(profile, "mentee").is_object() {
        add("goals", text(at(profile, "mentee"), "goals"));
    }
    Form::of(pairs)
}

/// The form as the API takes it.
fn as_json(form: &Form) -> Value {
    let mut body = Map::new();
    for name in TEXTS.into_iter().filter(|name| form.has(name)) {
        // A browser ends lines as the Internet's mail does.
        body.insert(name.to_owned(), form.get(name).replace("\r\n", "\n").into());
    }
    let locale = Locale::parse(form.get("locale")).map(Locale::as_str);
    body.insert("preferences".to_owned(), json!({ "locale": locale }));
    if form.has("expertise") {
        let names = form.get("expertise").split(',').map(str::trim);
        let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
        body.insert("expertise".to_owned(), names.into());
    }
    if form.has("timeZone") {
        let zone = form.get("timeZone").trim();
        let hours = hours(form).into_iter().filter(|[weekday, start, end]| {
            let is_blank = |text: &&str| text.trim().is_empty();
            ![weekday, start, end].into_iter().all(is_blank)
        });
        let hours = hours.map(|[weekday, start, end]| {
            let weekday = weekday.parse::<u8>().ok();
            json!({ "weekday": weekday, "start": start.trim(), "end": end.trim(), "timeZone": zone })
        });
        body.insert("availability".to_owned(), hours.collect());
    }
    Value::Object(body)
}

/// The lines for hours that are there: weekday, start, end.
fn hours(form: &Form) -> Vec<[&str; 3]> {
    let mut hours = Vec::new();
    for at in 0..MAX_HOURS {
        let names = ["weekday", "start", "end"].map(|name| format!("{name}-{at}"));
        if !names.iter().any(|name| form.has(name)) {
            break;
        }
        hours.push(names.each_ref().map(|name| form.get(name)));
    }
    hours
}

/// The form as it was sent, or else as the profile is.
pub(super) fn page(view: &View, form: &Form, problems: &Problems, answer: &Value) -> Reply {
    let saved;
    let form = if answer.is_null() {
        form
    } else {
        saved = as_form(at(answer, "profile"));
        &saved
    };
    let words = view.words;
    let line =
        |name: &'static str, label: &'static str, kind: &'static str, check: &'static str, complete: &'static str| {
            field(
                view,
                problems,
                &Field {
                    name,
                    label,
                    hint: if name == "avatarUrl" { words.avatar_hint } else { "" },
                    value: form.get(name),
                    kind,
                    check,
                    autocomplete: complete,
                    is_optional: name != "name",
                    ..Field::default()
                },
            )
        };
    let locales = [("", words.language_auto)].into_iter();
    let locales = locales.chain(
        Locale::ALL
            .iter()
            .map(|locale| (locale.as_str(), Words::of(*locale).language_name)),
    );
    let locales: Vec<_> = locales.collect();
    let shown = [
        "name",
        "phone",
        "department",
        "position",
        "avatarUrl",
        "headline",
        "bio",
        "expertise",
        "availability",
        "goals",
    ];
    let content = html! {
        (heading(view, words.profile_title, words.profile_lead))
        (problems.notice(view, &shown))
        form.card method="post" action="/profile/edit" data-enhance novalidate {
            (line("name", words.name, "text", "name", "name"))
            (line("phone", words.phone, "tel", "phone", "tel"))
            (line("department", words.department, "text", "line", ""))
            (line("position", words.position, "text", "line", "organization-title"))
            (line("avatarUrl", words.avatar_url, "url", "", "photo"))
            (select("", "locale", words.language_choice, &locales, form.get("locale")))
            @if form.has("headline") {
                (line("headline", words.headline, "text", "", ""))
                (line("bio", words.bio, "textarea", "", ""))
                (field(view, problems, &Field {
                    name: "expertise",
                    label: words.expertise,
                    hint: words.expertise_hint,
                    value: form.get("expertise"),
                    kind: "text",
                    is_optional: true,
                    ..Field::default()
                }))
                (availability(view, form, problems))
            }
            @if form.has("goals") { (line("goals", words.goals, "textarea", "", "")) }
            (submit(view, words.save))
        }
    };
    layout::page(
        view,
        Width::Wide,
        words.profile_title,
        problems.code().is_some(),
        &content,
    )
}

/// A line for each slot, and some to add more. All are in one time zone.
fn availability(view: &View, form: &Form, problems: &Problems) -> Markup {
    let words = view.words;
    let mut hours = hours(form);
    hours.retain(|slot| slot.iter().any(|text| !text.is_empty()));
    hours.extend([[""; 3]; SPARE_HOURS]);
    let error = problems.field(view, "availability", "");
    let cell = |name: &str, at: usize, label: &str, value: &str, hint: &str| {
        html! {
            input name={ (name) "-" (at) } value=(value) placeholder=(hint) inputmode="numeric" autocomplete="off"
                aria-label={ (label) " " (at + 1) };
        }
    };
    html! {
        fieldset.field data-field="availability" aria-describedby="availability-hint availability-error"
            aria-invalid=[error.as_ref().map(|_| "true")] {
            legend { (words.availability) " " span.optional { "(" (words.optional) ")" } }
            p.hint id="availability-hint" { (words.availability_hint) }
            @for (at, [weekday, start, end]) in hours.iter().enumerate() {
                div.hours {
                    select name={ "weekday-" (at) } aria-label={ (words.weekday) " " (at + 1) } {
                        option value="" { "–" }
                        @for (day, name) in Words::pairs(words.weekday_names) {
                            option value=(day) selected[day == *weekday] { (name) }
                        }
                    }
                    (cell("start", at, words.starts, start, "09:00"))
                    (cell("end", at, words.ends, end, "12:00"))
                }
            }
            label for="timeZone" { (words.time_zone) }
            input id="timeZone" name="timeZone" value=(form.get("timeZone")) placeholder="Europe/Berlin" autocomplete="off"
                spellcheck="false" data-time-zone;
            p.error id="availability-error" { @if let Some(error) = error { (error) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_goes_through_the_form_and_back() {
        let profile = json!({
            "name": "Ann", "phone": null, "department": "R&D", "position": null, "avatarUrl": null,
            "preferences": { "locale": "de", "other": 1 },
            "mentor": {
                "headline": "Listens", "bio": "a\nb", "expertise": ["Rust", "SQL"],
                "availability": [{ "id": "x", "weekday": 1, "start": "09:00", "end": "24:00", "timeZone": "Europe/Berlin" }],
                "officeSessions": [],
            },
            "mentee": null,
        });
        let body = as_json(&as_form(&profile));
        let expected = json!({
            "name": "Ann", "phone": "", "department": "R&D", "position": "", "avatarUrl": "",
            "preferences": { "locale": "de" },
            "headline": "Listens", "bio": "a\nb", "expertise": ["Rust", "SQL"],
            "availability": [{ "weekday": 1, "start": "09:00", "end": "24:00", "timeZone": "Europe/Berlin" }],
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn lines_that_are_not_filled_in_are_no_hours() {
        let form =
            Form::parse("timeZone=UTC&weekday-0=&start-0=&end-0=&weekday-1=2&start-1=&end-1=1&bio=a%0D%0Ab").unwrap();
        let body = as_json(&form);
        let expected = json!([{ "weekday": 2, "start": "", "end": "1", "timeZone": "UTC" }]);
        assert_eq!((&body["availability"], &body["bio"]), (&expected, &json!("a\nb")));
        assert_eq!(as_json(&Form::default()), json!({ "preferences": { "locale": null } }));
    }
}

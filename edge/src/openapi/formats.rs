//! The formats of fields: what the core's types print, and exactly what they read.
//!
//! A pattern here says the same as the parser of the core that it is named after. Texts are trimmed before they are read
//! (Unicode's `White_Space`), so a pattern lets white space around its text pass.

use doorward_core::event::Outcome;
use doorward_core::firm::FirmStatus;
use doorward_core::office_session::{OfficeSessionStatus, Side};
use doorward_core::password::{MAX_CHARS, MIN_CHARS};
use doorward_core::tier::Tier;
use doorward_core::user::Status;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

/// Unicode's `White_Space`.
const WHITE: &str = r"[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*";
/// A character of a line of text (`text::is_line_char`).
const LINE: &str = r"[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]";
/// One that isn't white space: a trimmed text begins and ends with it.
const EDGE: &str = r"[^\u0000- \u007f-\u00a0\u1680\u2000-\u200a\u2028-\u202f\u205f\u2066-\u2069\u3000]";
/// Anything but white space.
const SOLID: &str = r"[^\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]";

fn of(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(kind))
}

fn text() -> ObjectBuilder {
    of(Type::String)
}

fn or_null(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::from_iter([kind, Type::Null]))
}

fn format(name: &str) -> SchemaFormat {
    SchemaFormat::Custom(name.to_owned())
}

/// One of a few words.
pub(crate) fn words(words: impl IntoIterator<Item = &'static str>) -> Object {
    text().enum_values(Some(words)).build()
}

const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
const TIME: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$";

/// `core::id`, as it is printed.
pub(crate) fn id() -> Object {
    text().format(Some(format("uuid"))).pattern(Some(UUID)).build()
}

/// The same, or null.
pub(crate) fn id_or_null() -> Object {
    or_null(Type::String)
        .format(Some(format("uuid")))
        .pattern(Some(UUID))
        .build()
}

/// `core::id`, as it is read: either case.
pub(crate) fn id_read() -> Object {
    let pattern = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$";
    text().format(Some(format("uuid"))).pattern(Some(pattern)).build()
}

/// `core::time`, as it is printed.
pub(crate) fn time() -> Object {
    text().format(Some(format("date-time"))).pattern(Some(TIME)).build()
}

/// The same, or null.
pub(crate) fn time_or_null() -> Object {
    let schema = or_null(Type::String).format(Some(format("date-time")));
    schema.pattern(Some(TIME)).build()
}

/// `core::role`.
pub(crate) fn role() -> Object {
    text().pattern(Some("^[a-z][a-z0-9_-]{0,31}$")).build()
}

/// `core::user::Status`.
pub(crate) fn status() -> Object {
    words(Status::ALL.iter().map(|status| status.as_str()))
}

/// `core::tier`.
pub(crate) fn tier() -> Object {
    words(Tier::ALL.iter().map(|tier| tier.as_str()))
}

/// `core::office_session::OfficeSessionStatus`.
pub(crate) fn office_session_status() -> Object {
    words(OfficeSessionStatus::ALL.iter().map(|status| status.as_str()))
}

/// `core::office_session::Side`.
pub(crate) fn side() -> Object {
    words(Side::ALL.iter().map(|side| side.as_str()))
}

/// An address as it is kept.
pub(crate) fn address() -> Object {
    text().format(Some(format("email"))).max_length(Some(254)).build()
}

/// `core::firm::FirmStatus`.
pub(crate) fn firm_status() -> Object {
    words(FirmStatus::ALL.iter().map(|status| status.as_str()))
}

/// `core::event::Outcome`.
pub(crate) fn outcome() -> Object {
    words(Outcome::ALL.iter().map(|outcome| outcome.as_str()))
}

/// Any object.
pub(crate) fn object() -> Object {
    of(Type::Object).build()
}

/// A count, or seconds.
pub(crate) fn count() -> Object {
    of(Type::Integer).minimum(Some(0)).build()
}

/// `tokenType`.
pub(crate) fn bearer() -> Object {
    words(["Bearer"])
}

/// The state of a dependency.
pub(crate) fn state() -> Object {
    words(["up", "down"])
}

/// The state of all.
pub(crate) fn readiness() -> Object {
    words(["ready", "degraded", "unavailable"])
}

/// `core::email`, as it is read. Without the format `email`, which allows no white space around it.
pub(crate) fn email() -> Object {
    let atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
    let label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    let local_is_short = format!("(?!{WHITE}[^@]{{65}})");
    let all_is_short = format!("(?!{WHITE}{SOLID}{{255}})");
    let top_is_no_number = format!("(?![0-9]+{WHITE}$)");
    let pattern = format!(
        r"^{local_is_short}{all_is_short}{WHITE}{atom}(?:\.{atom})*@(?:{label}\.)+{top_is_no_number}{label}{WHITE}$"
    );
    text().pattern(Some(pattern)).examples(["ada@example.com"]).build()
}

/// `core::name`, as it is read.
pub(crate) fn name() -> Object {
    let pattern = format!("^{WHITE}{EDGE}(?:{LINE}{{0,98}}{EDGE})?{WHITE}$");
    text().pattern(Some(pattern)).examples(["Ada Lovelace"]).build()
}

/// `core::text::ShortText<100>`, as it is read; may be left out.
pub(crate) fn line() -> Object {
    let pattern = format!("^{WHITE}(?:{EDGE}(?:{LINE}{{0,98}}{EDGE})?)?{WHITE}$");
    or_null(Type::String).pattern(Some(pattern)).build()
}

/// `core::phone`, as it is read; may be left out.
pub(crate) fn phone() -> Object {
    let is_short = format!(r"(?!{WHITE}{SOLID}[\s\S]{{63,}}{SOLID}{WHITE}$)");
    let pattern = format!(r"^{is_short}{WHITE}[ ().-]*\+?(?:[ ().-]*[0-9]){{7,15}}[ ().-]*{WHITE}$");
    or_null(Type::String)
        .pattern(Some(pattern))
        .examples(["+49 30 1234567"])
        .build()
}

/// `core::firm::Slug`, as it is read; may be left out.
pub(crate) fn slug() -> Object {
    let pattern = format!("^{WHITE}[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?{WHITE}$");
    or_null(Type::String).pattern(Some(pattern)).build()
}

/// A role to be chosen; may be left out.
pub(crate) fn chosen_role() -> Object {
    let schema = or_null(Type::String).pattern(Some("^[a-z][a-z0-9_-]{0,31}$"));
    schema
        .description(Some(
            "`member`, or one that the deployment lets people choose; any other is refused with 403.",
        ))
        .build()
}

/// `core::password::Password`: a new one. What else the policy wants can't be said in a schema.
pub(crate) fn new_password() -> Object {
    text()
        .min_length(Some(1))
        .description(Some(
            format!(
                "{MIN_CHARS} to {MAX_CHARS} characters, counted after Unicode's NFKC, which can make more or fewer of what was \
                 typed. Not one's own address or name, and not a common password."
            ),
        ))
        .examples(["correct horse battery staple"])
        .build()
}

/// `core::firm::Slug`, where it has to be there.
pub(crate) fn needed_slug() -> Object {
    let pattern = format!("^{WHITE}[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?{WHITE}$");
    text().pattern(Some(pattern)).examples(["acme"]).build()
}

/// `core::firm::FirmName`, as it is read; may be left out.
pub(crate) fn firm_name() -> Object {
    let pattern = format!("^{WHITE}{EDGE}(?:{LINE}{{0,98}}{EDGE})?{WHITE}$");
    or_null(Type::String).pattern(Some(pattern)).examples(["Acme"]).build()
}

/// A role to be given; may be left out.
pub(crate) fn given_role() -> Object {
    or_null(Type::String)
        .pattern(Some(format!("^{WHITE}[a-z][a-z0-9_-]{{0,31}}{WHITE}$")))
        .description(Some(
            "One of the deployment's roles; giving it takes every power that it gives.",
        ))
        .examples(["mentor"])
        .build()
}

/// A role to be given.
pub(crate) fn needed_role() -> Object {
    text()
        .pattern(Some(format!("^{WHITE}[a-z][a-z0-9_-]{{0,31}}{WHITE}$")))
        .description(Some(
            "One of the deployment's roles; giving it takes every power that it gives.",
        ))
        .examples(["mentor"])
        .build()
}

/// A text that is taken as it is; may be left out.
pub(crate) fn given_or_null() -> Object {
    or_null(Type::String).build()
}

fn word_or_null(words: &[&'static str]) -> Object {
    let all = words.iter().map(|word| Some(*word)).chain([None]);
    or_null(Type::String).enum_values(Some(all)).build()
}

/// A status to be given; may be left out.
pub(crate) fn given_status() -> Object {
    word_or_null(&Status::ALL.iter().map(|status| status.as_str()).collect::<Vec<_>>())
}

/// A firm's status to be given; may be left out.
pub(crate) fn given_firm_status() -> Object {
    word_or_null(&FirmStatus::ALL.iter().map(|status| status.as_str()).collect::<Vec<_>>())
}

/// A tier to be given; may be left out.
pub(crate) fn given_tier() -> Object {
    word_or_null(&[Tier::Free.as_str(), Tier::Member.as_str()])
}

/// `limit` of a list.
pub(crate) fn limit() -> Object {
    of(Type::Integer).minimum(Some(1)).maximum(Some(100)).build()
}

/// The kind of an event, as it is looked for.
pub(crate) fn kind() -> Object {
    text()
        .pattern(Some("^[!-~]{1,64}$"))
        .examples(["user.registered"])
        .build()
}

/// A text that is taken as it is.
pub(crate) fn given() -> Object {
    text().min_length(Some(1)).build()
}

/// A flag; may be left out.
pub(crate) fn flag() -> Object {
    or_null(Type::Boolean).build()
}

//! What requests bring. The fields are those that the handlers read; what a body has beyond them is ignored, except for
//! the privileged ones, which are refused.

use serde_json::{Map, Value, json};
use utoipa::openapi::schema::Object;

use super::formats::{
    chosen_role, email, firm_name, flag, given, given_firm_status, given_or_null, given_role, given_status, given_tier,
    line, name, needed_role, needed_slug, new_password, phone, slug,
};
use super::link;
use crate::extract::PRIVILEGED;

/// A field with its format's name, and whether it must be there.
type Field = (&'static str, &'static str, bool);

const MUST: bool = true;
const MAY: bool = false;

/// A format with its name.
type Format = (&'static str, fn() -> Object);

/// Every format by its name.
const FORMATS: &[Format] = &[
    ("Email", email),
    ("PersonName", name),
    ("NewPassword", new_password),
    ("Phone", phone),
    ("Line", line),
    ("Slug", slug),
    ("ChosenRole", chosen_role),
    ("Given", given),
    ("Flag", flag),
    ("NeededSlug", needed_slug),
    ("FirmName", firm_name),
    ("GivenRole", given_role),
    ("NeededRole", needed_role),
    ("GivenOrNull", given_or_null),
    ("GivenStatus", given_status),
    ("GivenFirmStatus", given_firm_status),
    ("GivenTier", given_tier),
];

/// Every body by its name.
const BODIES: &[(&str, &[Field])] = &[
    (
        "Registration",
        &[
            ("email", "Email", MUST),
            ("name", "PersonName", MUST),
            ("password", "NewPassword", MUST),
            ("phone", "Phone", MAY),
            ("department", "Line", MAY),
            ("position", "Line", MAY),
            ("firmSlug", "Slug", MAY),
            ("role", "ChosenRole", MAY),
            ("invitation", "GivenOrNull", MAY),
        ],
    ),
    (
        "SignIn",
        &[
            ("email", "Email", MUST),
            ("password", "Given", MUST),
            ("rememberMe", "Flag", MAY),
        ],
    ),
    ("Refresh", &[("refreshToken", "Given", MUST)]),
    ("Token", &[("token", "Given", MUST)]),
    ("Address", &[("email", "Email", MUST)]),
    (
        "PasswordReset",
        &[
            ("token", "Given", MUST),
            ("password", "NewPassword", MUST),
            ("confirmPassword", "Given", MUST),
        ],
    ),
    (
        "PasswordChange",
        &[
            ("currentPassword", "Given", MUST),
            ("newPassword", "NewPassword", MUST),
            ("keepOtherSessions", "Flag", MAY),
        ],
    ),
    (
        "EmailChange",
        &[("newEmail", "Email", MUST), ("password", "Given", MUST)],
    ),
    ("Confirmation", &[("password", "Given", MUST)]),
    ("NewFirm", &[("slug", "NeededSlug", MUST), ("name", "PersonName", MUST)]),
    (
        "FirmChange",
        &[
            ("slug", "Slug", MAY),
            ("name", "FirmName", MAY),
            ("status", "GivenFirmStatus", MAY),
        ],
    ),
    (
        "NewInvitation",
        &[("email", "Email", MUST), ("role", "NeededRole", MUST)],
    ),
    (
        "UserChange",
        &[
            ("role", "GivenRole", MAY),
            ("status", "GivenStatus", MAY),
            ("tier", "GivenTier", MAY),
        ],
    ),
];

/// The schemas of all formats.
pub(super) fn formats() -> Map<String, Value> {
    let mut all: Map<_, _> = FORMATS
        .iter()
        .map(|(name, format)| ((*name).to_owned(), json!(format())))
        .collect();
    let refused = json!({"not": {}, "description": "A privilege: refused with 403 `FORBIDDEN`."});
    all.insert("Refused".to_owned(), refused);
    all
}

/// The schemas of all bodies.
pub(super) fn schemas() -> Map<String, Value> {
    BODIES
        .iter()
        .map(|(name, fields)| ((*name).to_owned(), body(fields)))
        .collect()
}

fn body(fields: &[Field]) -> Value {
    let mut properties: Map<String, Value> = fields
        .iter()
        .map(|(name, format, _)| ((*name).to_owned(), link("schemas", format)))
        .collect();
    for name in PRIVILEGED {
        properties.entry(name).or_insert_with(|| link("schemas", "Refused"));
    }
    let required: Vec<_> = fields.iter().filter(|field| field.2).map(|field| field.0).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

//! What requests bring. The fields are those that the handlers read; what a body has beyond them is ignored, except for
//! the privileged ones, which are refused.

use serde_json::{Map, Value, json};
use utoipa::openapi::schema::Object;

use super::formats::{
    chosen_role, email, firm_name, flag, given, given_firm_status, given_or_null, given_role, given_status, given_tier,
    id_read, line, name, needed_role, needed_slug, new_password, phone, slug,
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
    (
        "NewFirm",
        &[
            ("slug", "NeededSlug", MUST),
            ("name", "PersonName", MUST),
            ("status", "GivenFirmStatus", MAY),
        ],
    ),
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
    (
        "ProfileChange",
        &[
            ("name", "PersonName", MAY),
            ("phone", "Clearable", MAY),
            ("avatarUrl", "Clearable", MAY),
            ("department", "Clearable", MAY),
            ("position", "Clearable", MAY),
            ("preferences", "PreferencesChange", MAY),
            ("headline", "Clearable", MAY),
            ("bio", "Clearable", MAY),
            ("expertise", "ExpertiseNames", MAY),
            ("availability", "Hours", MAY),
            ("goals", "Clearable", MAY),
            ("mentor", "MentorChange", MAY),
            ("mentee", "MenteeChange", MAY),
        ],
    ),
    (
        "OfficeSessionRequest",
        &[
            ("mentorId", "GivenId", MUST),
            ("startsAt", "Moment", MUST),
            ("endsAt", "Clearable", MAY),
            ("durationMinutes", "Minutes", MAY),
            ("topic", "Clearable", MAY),
        ],
    ),
    (
        "OfficeSessionMove",
        &[
            ("startsAt", "Moment", MUST),
            ("endsAt", "Clearable", MAY),
            ("durationMinutes", "Minutes", MAY),
        ],
    ),
    ("OfficeSessionCancel", &[("reason", "Clearable", MAY)]),
];

/// The formats that hold others. What only a parser can say of a text stands in its description.
fn nested() -> [(&'static str, Value); 8] {
    let clearable = link("schemas", "Clearable");
    let (names, hours) = (link("schemas", "ExpertiseNames"), link("schemas", "Hours"));
    let clock = json!({"type": "string", "pattern": "^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"});
    let slot = json!({
        "type": "object",
        "required": ["weekday", "start", "end", "timeZone"],
        "properties": {
            "weekday": {"type": "integer", "minimum": 1, "maximum": 7},
            "start": clock, "end": clock,
            "timeZone": {"type": "string", "minLength": 1, "description": "An IANA name, the same one in all.", "example": "Europe/Berlin"},
        },
    });
    let mentor = json!({"headline": clearable, "bio": clearable, "expertise": names, "availability": hours});
    [
        (
            "Clearable",
            json!({"type": ["string", "null"], "description": "Null or an empty text clears it."}),
        ),
        (
            "PreferencesChange",
            json!({"type": ["object", "null"], "description": "Merged key by key, null takes a key away; 64 keys, 8 KiB and 4 levels in all."}),
        ),
        (
            "ExpertiseNames",
            json!({"type": ["array", "null"], "items": {"type": "string"}, "description": "All of them anew, at most 20."}),
        ),
        (
            "Hours",
            json!({"type": ["array", "null"], "items": slot, "description": "All of them anew, at most 50, none over another."}),
        ),
        (
            "MentorChange",
            json!({"type": ["object", "null"], "properties": mentor}),
        ),
        (
            "MenteeChange",
            json!({"type": ["object", "null"], "properties": {"goals": clearable}}),
        ),
        (
            "Moment",
            json!({"type": "string", "minLength": 1, "description": "RFC 3339, a whole minute within the next year.", "example": "2027-01-04T10:00:00+01:00"}),
        ),
        (
            "Minutes",
            json!({"type": ["integer", "null"], "description": "15 to 240; 30, or as long as before, unless given."}),
        ),
    ]
}

/// The schemas of all formats.
pub(super) fn formats() -> Map<String, Value> {
    let mut all: Map<_, _> = FORMATS
        .iter()
        .map(|(name, format)| ((*name).to_owned(), json!(format())))
        .collect();
    let refused = json!({"not": {}, "description": "A privilege: refused with 403 `FORBIDDEN`."});
    all.insert("Refused".to_owned(), refused);
    all.insert("GivenId".to_owned(), json!(id_read()));
    all.extend(nested().map(|(name, schema)| (name.to_owned(), schema)));
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

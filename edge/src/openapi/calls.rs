//! The calls: where each is, who may make it, what it takes and answers, and the codes with which it fails.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{by_status, headers_of, link, refusal_name};
use crate::error::Code;

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Everybody.
    Anybody,
    /// Who is signed in: an access token as Bearer or in its cookie.
    SignedIn,
    /// Whoever; a session is recognised by whatever comes along.
    Perhaps,
    /// Who holds a refresh token, in its cookie or in the body.
    Refresh,
    /// The scheduler.
    Scheduler,
}

/// Whether a call needs its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// It does.
    Must,
    /// It depends on what else comes along.
    May,
    /// It makes the best of whatever there is, and refuses nothing.
    Lenient,
}

/// What a body is called.
type Body = Option<(&'static str, Need)>;

/// A good answer: its status, its schema, its own headers, and what it means.
struct Answer(
    StatusCode,
    Option<&'static str>,
    &'static [(&'static str, &'static str)],
    &'static str,
);

/// One call, at one path or at two.
pub(super) struct Call {
    method: &'static str,
    /// Paths with the name of the operation there.
    at: &'static [(&'static str, &'static str)],
    tag: &'static str,
    summary: &'static str,
    access: Access,
    /// Whether `x-doorward-mode` makes a difference.
    by_mode: bool,
    /// The components of the query's parameters.
    query: &'static [&'static str],
    body: Body,
    answers: Vec<Answer>,
    /// Beyond those that follow from the rest.
    own_codes: &'static [Code],
}

const COOKIES: &[(&str, &str)] = &[("set-cookie", "Cookies")];
const CACHED: &[(&str, &str)] = &[("cache-control", "Cached")];
const ON_ITS_WAY: &str = "In words that are true whether or not anybody was found.";

impl Call {
    /// Every code that it can answer with.
    pub(super) fn codes(&self) -> Vec<Code> {
        let mut codes = self.own_codes.to_vec();
        // Any call can find the instance unconfigured.
        codes.push(Code::Unavailable);
        if self.method != "get" || self.access == Access::Refresh {
            codes.push(Code::OriginRefused);
        }
        if matches!(self.access, Access::SignedIn | Access::Scheduler) {
            codes.push(Code::Unauthenticated);
        }
        if !self.query.is_empty() {
            codes.push(Code::ValidationFailed);
        }
        if self.body.is_some_and(|(_, need)| need != Need::Lenient) {
            codes.extend([
                Code::ValidationFailed,
                Code::MalformedJson,
                Code::UnsupportedMediaType,
                Code::BodyTooLarge,
                Code::Forbidden,
            ]);
        }
        codes
    }

    fn operation(&self, name: &str, path: &str) -> Value {
        let mut operation = json!({
            "operationId": name,
            "tags": [self.tag],
            "summary": self.summary,
            "responses": self.responses(),
        });
        let mut parameters = Vec::new();
        if path.contains("{id}") {
            parameters.push(link("parameters", id_of(path)));
        }
        if path.contains("{invitationId}") {
            parameters.push(link("parameters", "Invitation"));
        }
        parameters.extend(self.query.iter().map(|name| link("parameters", name)));
        if self.by_mode {
            parameters.push(link("parameters", "Mode"));
        }
        if !parameters.is_empty() {
            operation["parameters"] = json!(parameters);
        }
        if let Some((body, need)) = self.body {
            operation["requestBody"] = json!({
                "required": need == Need::Must,
                "content": {"application/json": {"schema": link("schemas", body)}},
            });
        }
        operation["security"] = match self.access {
            Access::Anybody => json!([]),
            Access::SignedIn => json!([{"accessToken": []}, {"accessCookie": []}]),
            Access::Perhaps => json!([{}, {"accessToken": []}, {"accessCookie": []}, {"refreshCookie": []}]),
            Access::Refresh if self.body.is_some() => json!([{"refreshCookie": []}, {}]),
            Access::Refresh => json!([{"refreshCookie": []}]),
            Access::Scheduler => json!([{"maintenanceToken": []}]),
        };
        operation
    }

    fn responses(&self) -> Value {
        let mut responses = Map::new();
        for Answer(status, schema, headers, about) in &self.answers {
            let mut response = json!({"description": about, "headers": headers_of(headers)});
            if let Some(schema) = schema {
                response["content"] = json!({"application/json": {"schema": link("schemas", schema)}});
            }
            responses.insert(status.as_str().to_owned(), response);
        }
        for (status, codes) in by_status(&self.codes()) {
            responses.insert(status.to_string(), link("responses", &refusal_name(status, &codes)));
        }
        if self.at.iter().any(|(path, _)| *path == "/readyz") {
            let unready = json!({
                "description": "`UNAVAILABLE`: the same report in `details`.",
                "headers": headers_of(&[("retry-after", "RetryAfter")]),
                "content": {"application/json": {"schema": link("schemas", "NotReady")}},
            });
            responses.insert("503".to_owned(), unready);
        }
        Value::Object(responses)
    }
}

/// The component of the parameter `{id}` in a path.
fn id_of(path: &str) -> &'static str {
    match path.split('/').nth(2) {
        Some("firms") => "Firm",
        Some("admin" | "profiles") => "User",
        Some("office-sessions") => "OfficeSession",
        _ => "Session",
    }
}

/// The `paths` of the description.
pub(super) fn paths(calls: &[Call]) -> Value {
    let mut paths = Map::new();
    for call in calls {
        for (path, name) in call.at {
            let item = paths.entry(*path).or_insert_with(|| json!({}));
            item[call.method] = call.operation(name, path);
        }
    }
    Value::Object(paths)
}

/// Every call.
pub(super) fn all() -> Vec<Call> {
    [
        around_accounts(),
        around_mail(),
        around_owners(),
        around_sessions(),
        around_firms(),
        around_invitations(),
        around_others(),
        around_profiles(),
        around_office_sessions(),
        around_the_service(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn around_accounts() -> Vec<Call> {
    let session = |status, about| Answer(status, Some("SessionAnswer"), COOKIES, about);
    vec![
        Call {
            method: "post",
            at: &[("/api/auth/register", "register"), ("/auth/signup", "signup")],
            tag: "account",
            summary: "A new account, signed in at once",
            access: Access::Anybody,
            by_mode: true,
            query: &[],
            body: Some(("Registration", Need::Must)),
            answers: vec![
                session(StatusCode::CREATED, "The session of the new account."),
                Answer(
                    StatusCode::ACCEPTED,
                    Some("Accepted"),
                    &[],
                    "Where signups are masked, for a new and a taken address alike; and where an address has to be verified first.",
                ),
            ],
            own_codes: &[
                Code::EmailTaken,
                Code::TokenInvalid,
                Code::TokenExpired,
                Code::RateLimited,
            ],
        },
        Call {
            method: "post",
            at: &[("/api/auth/login", "login"), ("/auth/login", "loginShort")],
            tag: "account",
            summary: "A session for an address and its password",
            access: Access::Anybody,
            by_mode: true,
            query: &[],
            body: Some(("SignIn", Need::Must)),
            answers: vec![session(StatusCode::OK, "The session.")],
            own_codes: &[
                Code::InvalidCredentials,
                Code::AccountInactive,
                Code::AccountSuspended,
                Code::EmailNotVerified,
                Code::RateLimited,
            ],
        },
        Call {
            method: "post",
            at: &[("/api/auth/logout", "logout"), ("/auth/logout", "logoutShort")],
            tag: "sessions",
            summary: "Ends the session of the access token, of the refresh cookie, and of a `refreshToken` in the body",
            access: Access::Perhaps,
            by_mode: true,
            query: &[],
            body: Some(("SignOut", Need::Lenient)),
            answers: vec![Answer(
                StatusCode::NO_CONTENT,
                None,
                COOKIES,
                "Always, also without a session.",
            )],
            own_codes: &[],
        },
        Call {
            method: "post",
            at: &[("/api/auth/refresh", "refresh"), ("/auth/refresh", "refreshShort")],
            tag: "sessions",
            summary: "A new access token, and the refresh token's successor; the refresh token comes in its cookie, or in token mode in the body",
            access: Access::Refresh,
            by_mode: true,
            query: &[],
            body: Some(("Refresh", Need::May)),
            answers: vec![session(StatusCode::OK, "The session, with new tokens.")],
            own_codes: REFRESH,
        },
        Call {
            method: "get",
            at: &[
                ("/api/auth/refresh", "refreshByGet"),
                ("/auth/refresh", "refreshByGetShort"),
            ],
            tag: "sessions",
            summary: "The same by GET, with the cookie",
            access: Access::Refresh,
            by_mode: true,
            query: &[],
            body: None,
            answers: vec![session(StatusCode::OK, "The session, with new tokens.")],
            own_codes: REFRESH,
        },
        Call {
            method: "get",
            at: &[("/api/auth/me", "me")],
            tag: "account",
            summary: "Who is signed in",
            access: Access::SignedIn,
            by_mode: false,
            query: &[],
            body: None,
            answers: vec![Answer(StatusCode::OK, Some("UserAnswer"), &[], "The user.")],
            own_codes: &[],
        },
    ]
}

const REFRESH: &[Code] = &[
    Code::RefreshInvalid,
    Code::RefreshReused,
    Code::SessionExpired,
    Code::SessionRevoked,
    Code::AccountInactive,
    Code::AccountSuspended,
    Code::RateLimited,
];

fn around_mail() -> Vec<Call> {
    let mailed = |at, summary| Call {
        method: "post",
        at,
        tag: "account",
        summary,
        access: Access::Anybody,
        by_mode: false,
        query: &[],
        body: Some(("Address", Need::Must)),
        answers: vec![Answer(StatusCode::ACCEPTED, Some("Accepted"), &[], ON_ITS_WAY)],
        own_codes: &[Code::RateLimited],
    };
    let posted = |at, summary, body, about, own_codes| Call {
        method: "post",
        at,
        tag: "account",
        summary,
        access: Access::Anybody,
        by_mode: false,
        query: &[],
        body: Some((body, Need::Must)),
        answers: vec![Answer(StatusCode::OK, Some("UserAnswer"), &[], about)],
        own_codes,
    };
    vec![
        posted(
            &[
                ("/api/auth/verify-email", "verifyEmail"),
                ("/auth/verify-email", "verifyEmailShort"),
            ],
            "Proves an address with the token that was mailed to it",
            "Token",
            "The user, whose address is verified now.",
            &[
                Code::TokenInvalid,
                Code::UserNotFound,
                Code::TokenExpired,
                Code::RateLimited,
            ],
        ),
        mailed(
            &[
                ("/api/auth/resend-verification", "resendVerification"),
                ("/auth/resend-verification", "resendVerificationShort"),
            ],
            "A fresh verification mail",
        ),
        mailed(
            &[
                ("/api/auth/forgot-password", "forgotPassword"),
                ("/auth/forgot-password", "forgotPasswordShort"),
            ],
            "A mail with a link that sets a new password; only the latest works",
        ),
        posted(
            &[
                ("/api/auth/reset-password", "resetPassword"),
                ("/auth/reset-password", "resetPasswordShort"),
            ],
            "A new password for who holds the mailed token",
            "PasswordReset",
            "The user, all of whose sessions are over.",
            &[Code::TokenInvalid, Code::TokenExpired, Code::RateLimited],
        ),
    ]
}

fn around_owners() -> Vec<Call> {
    let owner = |method, at, summary, body, answer, own_codes, by_mode| Call {
        method,
        at,
        tag: "account",
        summary,
        access: Access::SignedIn,
        by_mode,
        query: &[],
        body: Some((body, Need::Must)),
        answers: vec![answer],
        own_codes,
    };
    vec![
        owner(
            "post",
            &[("/api/auth/change-password", "changePassword")],
            "A new password for who knows the old one",
            "PasswordChange",
            Answer(
                StatusCode::OK,
                Some("UserAnswer"),
                &[],
                "The user; every other session is over, unless `keepOtherSessions`.",
            ),
            &[Code::WrongPassword, Code::RateLimited],
            false,
        ),
        owner(
            "post",
            &[("/api/auth/change-email", "changeEmail")],
            "Another address, once the token that is mailed to it comes back to verify-email",
            "EmailChange",
            Answer(
                StatusCode::ACCEPTED,
                Some("Accepted"),
                &[],
                "Also where the address is taken.",
            ),
            &[Code::WrongPassword, Code::RateLimited],
            false,
        ),
        owner(
            "delete",
            &[("/api/auth/account", "deleteAccount")],
            "Everything of the user goes",
            "Confirmation",
            Answer(StatusCode::NO_CONTENT, None, COOKIES, "It is gone."),
            &[Code::WrongPassword, Code::LastAdmin, Code::RateLimited],
            true,
        ),
    ]
}

fn around_sessions() -> Vec<Call> {
    let call = |method, at, summary, answer, own_codes| Call {
        method,
        at,
        tag: "sessions",
        summary,
        access: Access::SignedIn,
        by_mode: false,
        query: &[],
        body: None,
        answers: vec![answer],
        own_codes,
    };
    vec![
        call(
            "get",
            &[("/api/auth/sessions", "listSessions")],
            "Where one is signed in, the last used one first",
            Answer(StatusCode::OK, Some("Sessions"), &[], "One's sessions."),
            &[],
        ),
        call(
            "delete",
            &[("/api/auth/sessions", "endOtherSessions")],
            "Ends all of one's sessions but the one that asks",
            Answer(StatusCode::NO_CONTENT, None, &[], "They are over."),
            &[],
        ),
        call(
            "delete",
            &[("/api/auth/sessions/{id}", "endSession")],
            "Ends one of one's sessions",
            Answer(StatusCode::NO_CONTENT, None, COOKIES, "It is over."),
            &[Code::NotFound],
        ),
    ]
}

/// A call under a permission.
fn act(
    method: &'static str,
    at: &'static [(&'static str, &'static str)],
    summary: &'static str,
    body: Option<&'static str>,
    answer: Answer,
    own_codes: &'static [Code],
) -> Call {
    Call {
        method,
        at,
        tag: "administration",
        summary,
        access: Access::SignedIn,
        by_mode: false,
        query: &[],
        body: body.map(|body| (body, Need::Must)),
        answers: vec![answer],
        own_codes,
    }
}

fn around_firms() -> Vec<Call> {
    vec![
        Call {
            query: &["Limit", "Cursor"],
            ..act(
                "get",
                &[("/api/firms", "listFirms")],
                "The firms that one may see, by slug",
                None,
                Answer(StatusCode::OK, Some("Firms"), &[], "A page of them."),
                &[Code::Forbidden],
            )
        },
        act(
            "post",
            &[("/api/firms", "makeFirm")],
            "Another firm, made by an admin without one",
            Some("NewFirm"),
            Answer(StatusCode::CREATED, Some("FirmAnswer"), &[], "The firm."),
            &[Code::SlugTaken],
        ),
        act(
            "patch",
            &[("/api/firms/{id}", "changeFirm")],
            "Another name for a firm; another slug or status where the admin is without a firm",
            Some("FirmChange"),
            Answer(StatusCode::OK, Some("FirmAnswer"), &[], "The firm."),
            &[Code::NotFound, Code::FirmNotFound, Code::SlugTaken],
        ),
    ]
}

fn around_invitations() -> Vec<Call> {
    vec![
        Call {
            query: &["Limit", "Cursor"],
            ..act(
                "get",
                &[("/api/firms/{id}/invitations", "listInvitations")],
                "The invitations that nobody has accepted, the latest first",
                None,
                Answer(StatusCode::OK, Some("Invitations"), &[], "A page of them."),
                &[Code::Forbidden, Code::NotFound, Code::FirmNotFound],
            )
        },
        act(
            "post",
            &[("/api/firms/{id}/invitations", "invite")],
            "Mails somebody an invitation into a firm; the latest one works",
            Some("NewInvitation"),
            Answer(
                StatusCode::CREATED,
                Some("InvitationAnswer"),
                &[],
                "The invitation; also where the address has an account, which the mail says then.",
            ),
            &[Code::NotFound, Code::FirmNotFound, Code::RateLimited],
        ),
        act(
            "delete",
            &[("/api/firms/{id}/invitations/{invitationId}", "takeInvitationBack")],
            "Takes an invitation back",
            None,
            Answer(StatusCode::NO_CONTENT, None, &[], "It works no more."),
            &[Code::Forbidden, Code::NotFound, Code::FirmNotFound],
        ),
    ]
}

fn around_others() -> Vec<Call> {
    vec![
        act(
            "patch",
            &[("/api/admin/users/{id}", "changeUser")],
            "Another role, status or tier for somebody",
            Some("UserChange"),
            Answer(StatusCode::OK, Some("UserAnswer"), &[], "The user."),
            &[Code::NotFound, Code::UserNotFound, Code::LastAdmin],
        ),
        act(
            "delete",
            &[("/api/admin/users/{id}/sessions", "endSessionsOf")],
            "Ends every session of somebody",
            None,
            Answer(StatusCode::NO_CONTENT, None, &[], "They are over."),
            &[Code::Forbidden, Code::NotFound, Code::UserNotFound],
        ),
        Call {
            query: &["EventUser", "EventKind", "Limit", "Cursor"],
            ..act(
                "get",
                &[("/api/admin/events", "listEvents")],
                "The audit trail, the latest first",
                None,
                Answer(StatusCode::OK, Some("Events"), &[], "A page of it."),
                &[Code::Forbidden, Code::UserNotFound],
            )
        },
    ]
}

fn around_profiles() -> Vec<Call> {
    let call = |method, at, summary, body: Option<&'static str>, own_codes| Call {
        tag: "profiles",
        ..act(
            method,
            at,
            summary,
            body,
            Answer(StatusCode::OK, Some("ProfileAnswer"), &[], "The profile."),
            own_codes,
        )
    };
    let change = |method, name| {
        call(
            method,
            name,
            "What is there changes, what isn't stays; null clears",
            Some("ProfileChange"),
            &[],
        )
    };
    let change_others = |method, name| Call {
        own_codes: &[Code::NotFound, Code::UserNotFound],
        ..change(method, name)
    };
    vec![
        call(
            "get",
            &[("/api/profiles/me", "readOwnProfile")],
            "One's own profile, with the firm and what belongs to the role",
            None,
            &[],
        ),
        call(
            "get",
            &[("/api/profiles/{id}", "readProfile")],
            "Somebody's profile",
            None,
            &[Code::Forbidden, Code::NotFound, Code::UserNotFound],
        ),
        change_others("put", &[("/api/profiles/{id}", "putProfile")]),
        change_others("patch", &[("/api/profiles/{id}", "patchProfile")]),
        change("put", &[("/api/profile/update", "putOwnProfile")]),
        change("patch", &[("/api/profile/update", "patchOwnProfile")]),
        change("post", &[("/api/profile/update", "postOwnProfile")]),
        Call {
            tag: "profiles",
            query: &["Role", "FirmKey", "Search", "Limit", "Cursor"],
            ..act(
                "get",
                &[("/api/profiles", "listProfiles")],
                "The people whom one looks after, the newest first",
                None,
                Answer(StatusCode::OK, Some("Profiles"), &[], "A page of them."),
                &[Code::Forbidden],
            )
        },
    ]
}

fn around_office_sessions() -> Vec<Call> {
    const FOUND: &[Code] = &[Code::NotFound, Code::OfficeSessionNotFound];
    const STEP: &[Code] = &[
        Code::Forbidden,
        Code::NotFound,
        Code::OfficeSessionNotFound,
        Code::InvalidTransition,
    ];

    let call = |method, at, summary, body: Body, own_codes| Call {
        tag: "office sessions",
        body,
        ..act(
            method,
            at,
            summary,
            None,
            Answer(StatusCode::OK, Some("OfficeSessionAnswer"), &[], "The office session."),
            own_codes,
        )
    };
    vec![
        Call {
            tag: "office sessions",
            query: &["OfficeSessionStatus", "Limit", "Cursor"],
            ..act(
                "get",
                &[("/api/office-sessions", "listOfficeSessions")],
                "One's own, on either side, the latest first",
                None,
                Answer(StatusCode::OK, Some("OfficeSessions"), &[], "A page of them."),
                &[],
            )
        },
        Call {
            answers: vec![Answer(
                StatusCode::CREATED,
                Some("OfficeSessionAnswer"),
                &[],
                "It waits for the mentor.",
            )],
            ..call(
                "post",
                &[("/api/office-sessions", "askForOfficeSession")],
                "Asks a mentor of one's firm for a time",
                Some(("OfficeSessionRequest", Need::Must)),
                &[Code::UserNotFound, Code::SlotTaken, Code::TooManyOpen],
            )
        },
        call(
            "get",
            &[("/api/office-sessions/{id}", "readOfficeSession")],
            "One of one's own",
            None,
            FOUND,
        ),
        call(
            "post",
            &[("/api/office-sessions/{id}/confirm", "confirmOfficeSession")],
            "Agrees to the time that the other side has named",
            None,
            STEP,
        ),
        call(
            "post",
            &[("/api/office-sessions/{id}/move", "moveOfficeSession")],
            "Names another time, for the other side to confirm",
            Some(("OfficeSessionMove", Need::Must)),
            &[
                Code::NotFound,
                Code::OfficeSessionNotFound,
                Code::InvalidTransition,
                Code::SlotTaken,
            ],
        ),
        call(
            "post",
            &[("/api/office-sessions/{id}/cancel", "cancelOfficeSession")],
            "Calls it off",
            Some(("OfficeSessionCancel", Need::May)),
            STEP,
        ),
        call(
            "post",
            &[("/api/office-sessions/{id}/complete", "completeOfficeSession")],
            "The mentor says that it took place",
            None,
            STEP,
        ),
    ]
}

fn around_the_service() -> Vec<Call> {
    let call = |at, summary, answer| Call {
        method: "get",
        at,
        tag: "service",
        summary,
        access: Access::Anybody,
        by_mode: false,
        query: &[],
        body: None,
        answers: vec![answer],
        own_codes: &[],
    };
    vec![
        call(
            &[("/.well-known/jwks.json", "jwks")],
            "The public keys that verify access tokens",
            Answer(StatusCode::OK, Some("Jwks"), CACHED, "RFC 7517."),
        ),
        call(
            &[("/openapi.json", "openapi")],
            "This description",
            Answer(StatusCode::OK, Some("OpenApi"), CACHED, "OpenAPI 3.1."),
        ),
        call(
            &[("/healthz", "healthz")],
            "Whether the instance answers",
            Answer(StatusCode::OK, Some("Health"), &[], "It does."),
        ),
        call(
            &[("/readyz", "readyz")],
            "Each dependency with its state, and the bound within which a revocation takes effect",
            Answer(StatusCode::OK, Some("Readiness"), &[], "Requests can be served."),
        ),
        Call {
            method: "post",
            at: &[("/maintenance", "maintenance")],
            tag: "service",
            summary: "One tick, for hosts without a scheduler of their own",
            access: Access::Scheduler,
            by_mode: false,
            query: &[],
            body: None,
            answers: vec![Answer(StatusCode::OK, Some("Report"), &[], "What was done.")],
            own_codes: &[Code::NotFound],
        },
    ]
}

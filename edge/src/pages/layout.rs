//! The frame around every page, and the headers of every page.
//!
//! What changes from page to page stands in three elements, `#bar`, `#main` and `#foot`, which the script swaps.

use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::admin;
use super::text::{Words, fill};
use super::visit::View;
use crate::assets;
use crate::mail::locale::Locale;
use crate::reply::Reply;
use crate::store::users::User;

/// Nothing inline, nothing from elsewhere but pictures; WebAssembly of our own.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' https: data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A door that stands open.
const DOOR: &str = "M10 25V7l9 2.5v18zM19 9h4v16h-4";

/// The same for the browser's tabs, in colours that hold on light and dark.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' \
                    height='32' rx='7' fill='%232456a6'/%3E%3Cpath d='M10 25V7l9 2.5v18zM19 9h4v16h-4' fill='none' \
                    stroke='%23fff' stroke-width='2' stroke-linejoin='round'/%3E%3C/svg%3E";

/// How wide a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// One form.
    Narrow,
    /// Lists and several forms.
    Wide,
    /// Tables.
    Widest,
}

/// A whole page.
pub(super) fn page(view: &View, width: Width, title: &str, is_error: bool, content: &Markup) -> Reply {
    let words = view.words;
    let brand = &view.instance.config.brand;
    let product = view.product();
    let signed_in = view.is_signed_in.map(|yes| if yes { "1" } else { "0" });
    let prefix = if is_error {
        [words.error_prefix, ": "].concat()
    } else {
        String::new()
    };
    let sheet = match width {
        Width::Narrow => "sheet",
        Width::Wide => "sheet wide",
        Width::Widest => "sheet wide widest",
    };
    let html = html! {
        (DOCTYPE)
        html lang=(view.locale.as_str()) dir="ltr" data-signed-in=[signed_in]
            data-core-js=[assets::CORE_JS] data-core-wasm=[assets::CORE_WASM] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (prefix) (title) " · " (product) }
                link rel="icon" href=(ICON);
                link rel="stylesheet" href=(assets::APP_CSS);
                @if brand.is_coloured() { link rel="stylesheet" href="/assets/brand.css"; }
                script type="module" src=(assets::APP_JS) {}
                script type="application/json" id="messages" { (PreEscaped(words.messages())) }
            }
            body {
                a.skip href="#main" { (words.skip) }
                header.bar #bar {
                    a.brand href="/" {
                        @match &brand.logo {
                            Some(logo) => { img src=(logo) alt="" height="28"; }
                            None => { (mark()) }
                        }
                        span { (product) }
                    }
                    @if let Some(user) = &view.user { (menu(view, user)) }
                }
                main #main tabindex="-1" { div class=(sheet) { (content) } }
                footer.foot #foot { (languages(view)) }
            }
        }
    };
    Reply::text(StatusCode::OK, "text/html; charset=utf-8", html.into_string().into())
}

/// A door that stands open, in the accent's colours: the logo of a deployment that has none.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" {
            rect width="32" height="32" rx="7" {}
            path d=(DOOR) {}
        }
    }
}

/// Where somebody who is signed in can go.
fn menu(view: &View, user: &User) -> Markup {
    let words = view.words;
    let link = |path: &str, text: &str| {
        let here = (view.path == path).then_some("page");
        html! { li { a href=(path) aria-current=[here] { (text) } } }
    };
    html! {
        nav aria-label=(words.menu) {
            ul {
                (link("/", words.home))
                (link("/profile/edit", words.profile))
                (link("/account", words.account))
                (link("/sessions", words.sessions))
                @if let Some(path) = admin::entrance(view, user) { (link(path, words.admin)) }
                li {
                    form method="post" action="/logout" data-enhance {
                        button.quiet type="submit" title=(user.email) { (words.sign_out) }
                    }
                }
            }
        }
    }
}

/// The other languages.
fn languages(view: &View) -> Markup {
    html! {
        nav aria-label=(view.words.language) {
            ul {
                @for locale in Locale::ALL {
                    @let name = Words::of(*locale).language_name;
                    li {
                        @if *locale == view.locale {
                            span aria-current="true" { (name) }
                        } @else {
                            a href=(view.address_with("lang", locale.as_str())) lang=(locale.as_str())
                                hreflang=(locale.as_str()) data-reload { (name) }
                        }
                    }
                }
            }
        }
    }
}

/// The title of a page and a sentence below it, and what was done a moment ago.
pub(super) fn heading(view: &View, title: &str, lead: &str) -> Markup {
    html! {
        h1 { (title) }
        @if !lead.is_empty() { p.lead { (lead) } }
        @if let Some(text) = done(view) {
            div.notice.good role="status" tabindex="-1" data-focus { p { (text) } }
        }
    }
}

/// What `?done=` says was done; nothing for what no page says.
fn done(view: &View) -> Option<&'static str> {
    let words = view.words;
    Some(match view.query.get("done") {
        "signed-out" => words.done_signed_out,
        "registered" => words.done_registered,
        "resent" => words.done_resent,
        "verified" => words.done_verified,
        "forgot" => words.done_forgot,
        "reset" => words.done_reset,
        "password" => words.done_password,
        "email" => words.done_email,
        "deleted" => words.done_deleted,
        "session" => words.done_session,
        "sessions" => words.done_sessions,
        "saved" => words.done_saved,
        "invited" => words.done_invited,
        "user" => words.done_user,
        _ => return None,
    })
}

/// A point in time that reads the same in every language, for the script to put into the person's own.
pub(super) fn moment(text: &str) -> Markup {
    let (day, clock) = (text.get(..10).unwrap_or_default(), text.get(11..16).unwrap_or_default());
    html! { time datetime=(text) { (day) " " (clock) " UTC" } }
}

/// What a device calls itself, as far as it is known.
pub(super) fn device(words: &Words, user_agent: &str) -> String {
    let device = crate::mail::device::Device::of(user_agent);
    match (device.browser, device.system) {
        (Some(browser), Some(system)) => fill(&fill(words.device_on, browser), system),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => words.unknown_device.to_owned(),
    }
}

/// 303: after a post, a fresh page.
pub(super) fn see_other(address: &str) -> Reply {
    Reply::empty(StatusCode::SEE_OTHER).with_text(header::LOCATION, address)
}

/// The same reply with what a browser has to know of every page. A page's own forms tell their origin, and nothing
/// of its address leaves the site.
pub(super) fn with_headers(reply: Reply) -> Reply {
    let fixed = |name: HeaderName, value: &'static str| (name, HeaderValue::from_static(value));
    let headers = [
        fixed(header::CONTENT_SECURITY_POLICY, POLICY),
        fixed(header::REFERRER_POLICY, "same-origin"),
        fixed(header::VARY, "Cookie, Accept-Language"),
        fixed(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    headers
        .into_iter()
        .fold(reply, |reply, (name, value)| reply.with(name, value))
}

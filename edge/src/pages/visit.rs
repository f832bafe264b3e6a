//! Somebody's visit to a page: who it is, in which language, and the silent refresh.
//!
//! A page is asked for by a browser, so cookies alone tell who it is. Where the access token is over and the refresh
//! token is good, the session is continued within the request: two tabs that do so at once get the same successor. Only a
//! page of this site may bring that about: whom a link from elsewhere has brought here, the page asks for itself again.

use std::rc::Rc;

use http::Method;
use http::header::{self, HeaderName, HeaderValue};
use maud::html;

use super::form::Form;
use super::layout::{self, Width};
use super::text::Words;
use crate::context::Context;
use crate::cookie::{SessionCookie, named};
use crate::error::{Code, Failure};
use crate::handlers::refresh;
use crate::host::Host;
use crate::instance::Instance;
use crate::mail::locale::Locale;
use crate::origin;
use crate::reply::Reply;
use crate::store::users::User;

/// Remembers a language that somebody chose. Not secret, and the same over http and https.
const LANGUAGE_COOKIE: &str = "doorward_lang";
/// How long, in seconds: a year.
const LANGUAGE_SECONDS: u32 = 31_536_000;

/// Marks a browser whose page asks for itself again, so that it does so once. It says nothing of anybody.
const AGAIN_COOKIE: &str = "doorward_again";
/// How long, in seconds.
const AGAIN_SECONDS: u32 = 10;

/// What every page is written from.
#[derive(Debug)]
pub(super) struct View {
    pub(super) instance: Rc<Instance>,
    pub(super) locale: Locale,
    pub(super) words: &'static Words,
    /// The path, without the query, as an address of this site: see [`own_path`].
    pub(super) path: String,
    pub(super) query: Form,
    /// Who is signed in.
    pub(super) user: Option<Rc<User>>,
    /// Whether somebody is; unknown where nobody asked.
    pub(super) is_signed_in: Option<bool>,
}

impl View {
    /// What the deployment is called.
    pub(super) fn product(&self) -> &str {
        &self.instance.config.product_name
    }

    /// The address of this page with something else in its query: `name=value`, without `lang` and `done`.
    pub(super) fn address_with(&self, name: &str, value: &str) -> String {
        let mut address = self.path.clone();
        let kept = self
            .query
            .pairs()
            .iter()
            .filter(|(other, _)| other != "lang" && other != "done" && other != name);
        let kept = kept.map(|(name, value)| (name.as_str(), value.as_str()));
        let added = (!name.is_empty()).then_some((name, value));
        for (at, (name, value)) in kept.chain(added).enumerate() {
            address.push(if at == 0 { '?' } else { '&' });
            encode(&mut address, name);
            address.push('=');
            encode(&mut address, value);
        }
        address
    }

    /// What a form brings along, or else the query.
    pub(super) fn given<'a>(&'a self, form: &'a Form, name: &str) -> &'a str {
        Some(form.get(name))
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| self.query.get(name))
    }

    /// Where to go on after a sign-in: `next`, if it leads nowhere but into this site.
    pub(super) fn next(&self) -> Option<&str> {
        Some(self.query.get("next")).filter(|next| is_own_path(next))
    }
}

/// A visit: the view, and the cookies that it brought about.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) view: View,
    session_cookies: Vec<HeaderValue>,
    language_cookie: Option<String>,
}

impl Visit {
    /// Takes a request for one of a page: a browser says who it is by its cookies, and nothing else counts.
    pub(super) fn begin<H: Host>(ctx: &mut Context<H>) -> Self {
        ctx.headers.remove(header::AUTHORIZATION);
        ctx.headers.remove(HeaderName::from_static("x-doorward-mode"));
        let query = Form::parse(ctx.uri.query().unwrap_or_default()).unwrap_or_default();
        let switched = Locale::parse(query.get("lang"));
        let chosen = named(&ctx.headers, LANGUAGE_COOKIE).and_then(Locale::parse);
        let locale = switched.or(chosen).unwrap_or_else(|| ctx.locale());
        let secure = if ctx.is_secure() { "; Secure" } else { "" };
        let language_cookie = switched.map(|locale| {
            format!("{LANGUAGE_COOKIE}={locale}; Path=/; Max-Age={LANGUAGE_SECONDS}; SameSite=Lax{secure}")
        });
        let mut visit = Self {
            view: View {
                instance: Rc::clone(&ctx.instance),
                locale,
                words: Words::of(locale),
                path: own_path(ctx.uri.path()),
                is_signed_in: None,
                query,
                user: None,
            },
            session_cookies: Vec::new(),
            language_cookie,
        };
        visit.speak(ctx, locale);
        visit
    }

    /// Sets the language, also of the mail that the request brings about.
    fn speak<H: Host>(&mut self, ctx: &mut Context<H>, locale: Locale) {
        self.view.locale = locale;
        self.view.words = Words::of(locale);
        let value = HeaderValue::from_static(locale.as_str());
        ctx.headers.insert(header::ACCEPT_LANGUAGE, value);
    }

    /// After `?lang=`, the same page without it.
    pub(super) fn switch_language(&self) -> Option<Reply> {
        self.language_cookie
            .as_ref()
            .map(|_| layout::see_other(&self.view.address_with("", "")))
    }

    /// Finds out who it is: by the access token, or else by continuing the session. Where another site has brought somebody
    /// here whose session has to be continued, it answers the page that asks for itself again.
    ///
    /// # Errors
    /// 429, and when a dependency is down. A session that is over is nobody, not an error.
    pub(super) async fn recognise<H: Host>(&mut self, ctx: &mut Context<H>) -> Result<Option<Reply>, Failure> {
        // What was just done may be newer than what this instance remembers.
        if self.view.query.has("done")
            && let Ok(claims) = ctx.access_claims()
        {
            ctx.forget(claims.session);
        }
        let mut found = known(ctx.current_user().await)?;
        let continues = found.is_none() && ctx.cookies().get(SessionCookie::Refresh).is_some();
        let is_own = !continues || is_asked_here(ctx);
        if !is_own && named(&ctx.headers, AGAIN_COOKIE).is_none() {
            return Ok(Some(self.again(ctx.is_secure())));
        }
        if continues && is_own {
            let refreshed = refresh::run(ctx, &Method::POST).await;
            if let Some(reply) = known(refreshed)? {
                self.session_cookies = reply.values(&header::SET_COOKIE);
                carry_on(ctx, &self.session_cookies);
                found = known(ctx.current_user().await)?;
            } else {
                let cleared = ctx.clear_cookies(layout::see_other("/"));
                self.session_cookies = cleared.values(&header::SET_COOKIE);
            }
        }
        let chosen = named(&ctx.headers, LANGUAGE_COOKIE).is_some();
        let preferred = found
            .as_ref()
            .filter(|_| !chosen)
            .and_then(|user| preferred_locale(user));
        if let Some(locale) = preferred {
            self.speak(ctx, locale);
        }
        self.view.is_signed_in = Some(found.is_some());
        self.view.user = found;
        Ok(None)
    }

    /// A page that asks for itself again at once, as one of this site. To continue a session uses up its refresh token; a
    /// site that opens a window here and closes it too early for the reply would leave the browser with a used one.
    fn again(&self, is_secure: bool) -> Reply {
        let words = self.view.words;
        let content = html! {
            h1 { (words.busy) }
            p.actions { a.button.primary href=(self.view.address_with("", "")) { (words.try_again) } }
        };
        let secure = if is_secure { "; Secure" } else { "" };
        let cookie = format!("{AGAIN_COOKIE}=1; Path=/; Max-Age={AGAIN_SECONDS}; HttpOnly; SameSite=Lax{secure}");
        layout::page(&self.view, Width::Narrow, words.busy, false, &content)
            .with(header::REFRESH, HeaderValue::from_static("0"))
            .with_text(header::SET_COOKIE, &cookie)
    }

    /// Where to sign in, to come back here.
    pub(super) fn sign_in_address(&self) -> String {
        let mut address = "/login?next=".to_owned();
        encode(&mut address, &self.view.address_with("", ""));
        address
    }

    /// Adds what every page has in common to a reply.
    pub(super) fn finish(self, mut reply: Reply) -> Reply {
        // What the handler says of the session came after the refresh, so it stands alone.
        if !reply.has(&header::SET_COOKIE) {
            for cookie in self.session_cookies {
                reply = reply.with(header::SET_COOKIE, cookie);
            }
        }
        if let Some(cookie) = self.language_cookie {
            reply = reply.with_text(header::SET_COOKIE, &cookie);
        }
        layout::with_headers(reply)
    }
}

/// Whether a request comes from this site or from a trusted one, by the rule for a refresh by GET.
fn is_asked_here<H: Host>(ctx: &Context<H>) -> bool {
    let config = ctx.config();
    origin::is_allowed(
        &ctx.headers,
        &ctx.uri,
        config.public_url.as_deref(),
        &config.trusted_origins,
    )
}

/// An answer that may be "nobody".
fn known<T>(answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(Failure::Rejected(rejection)) if rejection.code != Code::RateLimited => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Lets the rest of the request have the new access token.
fn carry_on<H: Host>(ctx: &mut Context<H>, cookies: &[HeaderValue]) {
    let name = SessionCookie::Access.name(ctx.is_secure());
    let values = cookies.iter().filter_map(|cookie| cookie.to_str().ok());
    let mut pairs = values.filter_map(|cookie| cookie.split(';').next()?.split_once('='));
    let token = pairs
        .find(|(other, _)| *other == name)
        .map(|(_, token)| format!("Bearer {token}"));
    if let Some(Ok(value)) = token.map(|token| HeaderValue::from_str(&token)) {
        ctx.headers.insert(header::AUTHORIZATION, value);
    }
}

/// The language that the person chose in the preferences.
fn preferred_locale(user: &User) -> Option<Locale> {
    #[derive(serde::Deserialize)]
    struct Preferences<'a> {
        #[serde(borrow)]
        locale: Option<std::borrow::Cow<'a, str>>,
    }
    let preferences: Preferences<'_> = serde_json::from_slice(user.preferences.get().as_bytes()).ok()?;
    Locale::parse(&preferences.locale?)
}

/// The path of a request, to be linked to: with one slash in front, as a browser takes `//host` and `/\host` for another
/// site.
fn own_path(path: &str) -> String {
    ["/", path.trim_start_matches(['/', '\\'])].concat()
}

/// Whether an address is a path of this site: a browser takes `//host` and `/\host` for another one, and makes such a one
/// out of `/.//host`.
fn is_own_path(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let path = text.split(['?', '#']).next().unwrap_or_default();
    plain && path.starts_with('/') && !path.starts_with("//") && !path.split('/').any(is_dots)
}

/// Whether a part of a path is one of those that a browser resolves before it asks (URL Standard, 4.3).
fn is_dots(part: &str) -> bool {
    let part = part.to_ascii_lowercase().replace("%2e", ".");
    part == "." || part == ".."
}

/// Percent-encodes everything but what may stand anywhere in a query.
fn encode(into: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            into.push(char::from(byte));
        } else {
            const DIGITS: [char; 16] = [
                '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
            ];
            into.push('%');
            for digit in [byte >> 4, byte & 15] {
                into.push(DIGITS.get(usize::from(digit)).copied().unwrap_or('0'));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_site_is_next() {
        for own in [
            "/",
            "/account",
            "/admin?q=a%20b&cursor=x",
            "/a//b",
            "/...",
            "/.well-known/x",
            "/account?next=/../x",
            "/account#/./x",
        ] {
            assert!(is_own_path(own), "{own}");
        }
        for other in [
            "",
            "account",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/a b",
            "javascript:alert(1)",
            "/ä",
            "/\\\\x",
            "\\/x",
            "/.//evil.example",
            "/..//evil.example",
            "/%2E//evil.example",
            "/a/.%2e//evil.example",
            "/account/..",
            "?next=/x",
        ] {
            assert!(!is_own_path(other), "{other}");
        }
    }

    #[test]
    fn an_address_of_this_site_stays_one() {
        for (asked, linked) in [
            ("/", "/"),
            ("", "/"),
            ("/a//b", "/a//b"),
            ("//evil.example/x", "/evil.example/x"),
            ("/\\/evil.example", "/evil.example"),
        ] {
            assert_eq!(own_path(asked), linked);
        }
    }

    #[test]
    fn a_query_is_encoded() {
        let mut text = String::new();
        encode(&mut text, "/a?b=ä&c #");
        assert_eq!(text, "/a%3Fb%3D%C3%A4%26c%20%23");
    }
}

//! The pages that show what was caught. No script runs in them, neither ours nor the mail's.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse as _, Response};

use super::message::Message;

const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// For the mail itself: its links open in a tab of their own, and nothing is loaded from elsewhere.
const CONTENT_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
                              style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";
/// Seconds between two looks for new mail.
const REFRESH: u32 = 5;

/// The list.
pub(crate) fn all(messages: &[Arc<Message>], to: Option<&str>, refresh: bool) -> Response {
    let mut html = String::new();
    let filter = escaped(to.unwrap_or_default());
    let _ = write!(
        html,
        "<form method=get action=/mailbox><label for=to>To</label> <input id=to name=to type=email value=\"{filter}\"> \
         <button>Show</button></form>"
    );
    html.push_str(if refresh {
        "<p>This page looks for new mail every 5 seconds. <a href=\"/mailbox?refresh=off\">Stop that</a></p>"
    } else {
        "<p>This page stays as it is. <a href=/mailbox>Look for new mail every 5 seconds</a></p>"
    });
    if messages.is_empty() {
        html.push_str("<p>No mail yet.</p>");
    } else {
        html.push_str("<table><thead><tr><th scope=col>Subject<th scope=col>To<th scope=col>At</tr></thead><tbody>");
        for message in messages {
            let (id, subject) = (&message.id, escaped(shown(&message.subject)));
            let (to, at) = (escaped(&message.to.join(", ")), &message.created_at);
            let _ = write!(
                html,
                "<tr><td><a href=\"/mailbox/{id}\">{subject}</a><td>{to}<td><time datetime=\"{at}\">{at}</time></tr>"
            );
        }
        html.push_str("</tbody></table>");
    }
    let refresh = if refresh {
        format!("<meta http-equiv=refresh content={REFRESH}>")
    } else {
        String::new()
    };
    page("Mail caught in development", &refresh, &html)
}

/// One message: its text with links that can be followed, and its HTML in a frame that can do nothing.
pub(crate) fn one(message: &Message) -> Response {
    let mut html = String::from("<p><a href=/mailbox>All mail</a></p><dl>");
    let fields = [
        ("From", &message.from),
        ("To", &message.to.join(", ")),
        ("At", &message.created_at),
    ];
    for (name, value) in fields {
        let _ = write!(html, "<dt>{name}<dd>{}", escaped(value));
    }
    html.push_str("</dl>");
    if let Some(text) = &message.text {
        let _ = write!(html, "<h2>Text</h2><pre>{}</pre>", with_links(text));
    }
    if message.html.is_some() {
        let _ = write!(
            html,
            "<h2>HTML</h2><iframe title=\"The message as HTML\" src=\"/mailbox/{}/html\" \
             sandbox=\"allow-popups allow-popups-to-escape-sandbox\"></iframe>",
            message.id
        );
    }
    page(shown(&message.subject), "", &html)
}

/// The HTML of a message, for the frame.
pub(crate) fn content(html: &str) -> Response {
    // Links open beside the mailbox: most pages refuse to be shown in a frame.
    let html = match html.split_once("<head>") {
        Some((before, after)) => format!("{before}<head><base target=_blank>{after}"),
        None => format!("<base target=_blank>{html}"),
    };
    html_response(CONTENT_POLICY, html)
}

/// The style sheet.
pub(crate) async fn style() -> Response {
    let style = "\
:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}
body{max-width:64rem;margin:0 auto;padding:1rem}
table{width:100%;border-collapse:collapse}
th,td{text-align:start;padding:.5rem;border-bottom:1px solid color-mix(in srgb,currentColor 25%,transparent)}
td{overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem}
dd{margin:0;overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere}
iframe{width:100%;height:32rem;border:1px solid;background:#fff;color-scheme:light}
";
    (
        [
            (CONTENT_TYPE, "text/css; charset=utf-8"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ],
        style,
    )
        .into_response()
}

fn page(title: &str, head: &str, body: &str) -> Response {
    let title = escaped(title);
    let html = format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}</title>{head}\
         <meta name=viewport content=\"width=device-width\"><link rel=stylesheet href=/mailbox/style.css></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>"
    );
    html_response(PAGE_POLICY, html)
}

fn html_response(policy: &'static str, html: String) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The links hold one-time tokens, and so does the address of whoever follows one.
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, html).into_response()
}

fn shown(subject: &str) -> &str {
    if subject.trim().is_empty() {
        "(no subject)"
    } else {
        subject
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// The text, escaped, with its web addresses as links.
fn with_links(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some(start) = ["http://", "https://"]
        .iter()
        .filter_map(|scheme| rest.find(scheme))
        .min()
    {
        let (before, from) = rest.split_at(start);
        let length = from
            .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"'))
            .unwrap_or(from.len());
        let (url, after) = from.split_at(length);
        let url = escaped(url);
        let _ = write!(
            html,
            "{}<a href=\"{url}\" rel=noreferrer target=_blank>{url}</a>",
            escaped(before)
        );
        rest = after;
    }
    html.push_str(&escaped(rest));
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_its_links_can_be_followed() {
        assert_eq!(
            with_links("<b> http://h/?a=1&b=2\nend"),
            "&lt;b&gt; <a href=\"http://h/?a=1&amp;b=2\" rel=noreferrer target=_blank>http://h/?a=1&amp;b=2</a>\nend"
        );
        assert_eq!(with_links("javascript:alert(1) \"'"), "javascript:alert(1) &quot;&#39;");
    }
}

//! Every template in every language, and what stands between a stranger's text and a reader's mail program.

use super::*;

const SENDER: Sender<'static> = Sender {
    product: "Doorward",
    site: "https://id.example.com",
};
const TICKET: Ticket<'static> = Ticket {
    token: "t0ken-_",
    until: Time::from_millis(1_795_197_600_123),
};
const PARAMS: &str = r#"{"newEmail": "new@example.org", "ip": "203.0.113.9", "at": "2026-11-20T18:00:00.123Z",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"}"#;

fn written(template: Template, locale: Locale) -> Written {
    write(template, locale, SENDER, PARAMS, template.purpose().map(|_| TICKET))
}

fn every() -> impl Iterator<Item = (Template, Locale)> {
    let locales = |template| Locale::ALL.iter().map(move |locale| (template, *locale));
    Template::ALL.iter().copied().flat_map(locales)
}

#[test]
fn names_are_those_of_the_outbox() {
    for template in Template::ALL {
        assert_eq!(Template::parse(template.as_str()), Some(*template));
        if let Some(purpose) = template.purpose() {
            assert_eq!(template.as_str(), purpose.as_str());
        }
    }
    assert_eq!(Template::parse("unknown"), None);
}

#[test]
fn every_mail_exists_in_every_language_in_both_forms() {
    let mut subjects = std::collections::HashSet::new();
    for (template, locale) in every() {
        let Written { subject, html, text } = written(template, locale);
        let what = format!("{template:?} {locale}");
        assert!(subjects.insert(subject.clone()), "{what}: {subject} is there twice");
        assert!(subject.contains("Doorward") && subject.len() < 100, "{what}: {subject}");
        assert!(
            html.starts_with("<!DOCTYPE html>\n<html lang=\"") && html.ends_with("</html>\n"),
            "{what}"
        );
        assert!(html.contains(&format!("<html lang=\"{locale}\">")), "{what}");
        assert!(
            html.contains(&format!("<title>{}</title>", escaped(&subject))),
            "{what}"
        );
        assert!(text.ends_with("\nhttps://id.example.com\n"), "{what}: {text}");
        for form in [&html, &text] {
            assert!(!form.contains("  ") || form == &html, "{what}: {form}");
            assert!(!form.contains('{') && !form.contains('}'), "{what}: {form}");
        }
        // Nothing is loaded from anywhere, and nothing runs.
        for none in ["<img", "<script", "<link", "url(", "@import", "src="] {
            assert!(!html.contains(none), "{what}: {none}");
        }
    }
}

#[test]
fn links_open_the_pages_with_the_token() {
    for (template, locale) in every() {
        let Written { html, text, .. } = written(template, locale);
        let page = match template {
            Template::EmailVerification | Template::EmailChange => "/verify-email?token=t0ken-_",
            Template::PasswordReset => "/reset-password?token=t0ken-_",
            Template::PasswordChanged | Template::AddressTaken => "/forgot-password",
            Template::EmailChangeNotice | Template::NewDevice => "/sessions",
            Template::EmailChanged => "",
            Template::Invitation => "/register?token=t0ken-_",
            Template::InvitationTaken => "/login",
        };
        let link = format!("https://id.example.com{page}");
        assert!(text.contains(&format!("{link}\n")), "{template:?} {text}");
        assert!(html.contains(&format!("<a href=\"{link}\"")), "{template:?} {html}");
        assert_eq!(html.contains("token="), template.purpose().is_some(), "{template:?}");
    }
}

#[test]
fn a_verification_reads_like_this() {
    let english = written(Template::EmailVerification, Locale::En);
    assert_eq!(
        english.text,
        "Welcome to Doorward. Please confirm that this e-mail address is yours.\n\n\
         Confirm the address:\nhttps://id.example.com/verify-email?token=t0ken-_\n\n\
         The link works once, until 20 November 2026, 18:00 UTC.\n\n\
         If you didn't ask for this, you don't have to do anything.\n\n\
         -- \nSent by Doorward, because your address was given there.\nhttps://id.example.com\n"
    );
    let german = written(Template::EmailVerification, Locale::De);
    assert_eq!(german.subject, "Bestätigen Sie Ihre E-Mail-Adresse für Doorward");
    assert!(
        german
            .text
            .contains("Der Link gilt einmal, bis 20.11.2026, 18:00 Uhr UTC.")
    );
}

#[test]
fn a_notice_says_what_happened_without_saying_too_much() {
    let change = written(Template::EmailChangeNotice, Locale::En).text;
    assert!(change.contains("to n***@example.org."), "{change}");
    assert!(!change.contains("new@example.org"), "{change}");
    let device = written(Template::NewDevice, Locale::De).text;
    for line in [
        "Gerät: Firefox, Linux",
        "IP-Adresse: 203.0.113.9",
        "Zeit: 20.11.2026, 18:00 Uhr UTC",
    ] {
        assert!(device.contains(line), "{device}");
    }
}

#[test]
fn an_invitation_names_the_firm() {
    let params = r#"{"firm": "Acme & Söhne"}"#;
    for (template, locale) in every().filter(|(template, _)| template.as_str().starts_with("invitation")) {
        let Written { html, text, .. } = write(template, locale, SENDER, params, template.purpose().map(|_| TICKET));
        assert!(
            text.contains("Acme & Söhne") && html.contains("Acme &amp; Söhne"),
            "{text}"
        );
    }
}

#[test]
fn what_the_row_leaves_open_is_left_out() {
    for params in [
        "",
        "[]",
        "null",
        "{}",
        r#"{"newEmail": 7, "ip": null, "at": {}}"#,
        r#"{"at": "yesterday", "ip": "x"}"#,
    ] {
        for (template, locale) in every() {
            let ticket = template.purpose().map(|_| TICKET);
            let written = write(template, locale, SENDER, params, ticket);
            assert!(
                !written.text.contains("null") && !written.text.contains("***"),
                "{}",
                written.text
            );
        }
    }
}

#[test]
fn a_strangers_text_stays_text() {
    const EVIL: &str = "<a href='https://evil.example'>\"&";
    let sender = Sender {
        product: EVIL,
        site: "https://id.example.com",
    };
    let params = serde_json::json!({ "newEmail": format!("{EVIL}@{EVIL}"), "ip": EVIL, "userAgent": EVIL, "at": EVIL, "firm": EVIL });
    for (template, locale) in every() {
        let ticket = template.purpose().map(|_| TICKET);
        let html = write(template, locale, sender, &params.to_string(), ticket).html;
        assert!(!html.contains("<a href='"), "{html}");
        assert!(
            html.contains("&lt;a href=&#39;https://evil.example&#39;&gt;&quot;&amp;"),
            "{html}"
        );
        let device = write(template, locale, SENDER, &params.to_string(), ticket).text;
        assert_eq!(
            device.contains("evil"),
            matches!(
                template,
                Template::EmailChangeNotice | Template::EmailChanged | Template::Invitation | Template::InvitationTaken
            )
        );
    }
}

#[test]
fn the_same_row_is_always_the_same_mail() {
    for (template, locale) in every() {
        assert_eq!(written(template, locale), written(template, locale));
    }
}

#[test]
fn an_address_is_masked() {
    for (email, expected) in [
        ("ann@example.com", "a***@example.com"),
        ("ü@b.c", "ü***@b.c"),
        ("a@b@c.d", "a***@c.d"),
        ("", "***@"),
    ] {
        assert_eq!(masked(email), expected);
    }
}

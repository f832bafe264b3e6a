//! German.

use crate::mail::device::Device;
use crate::mail::templates::{Facts, Moment, Template, Words};

const NOT_YOU: &str = "Wenn Sie das nicht waren, kennt vielleicht jemand Ihr Passwort. Wählen Sie dann gleich ein neues; \
                       das beendet auch alle Sitzungen.";
const UNASKED: &str = "Wenn Sie das nicht angefordert haben, müssen Sie nichts tun.";

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn words(template: Template, facts: &Facts<'_>) -> Words {
    let product = facts.product;
    let new_email = facts.new_email.as_deref().unwrap_or("eine andere Adresse");
    let once = facts.until.as_ref().map_or_else(
        || "Der Link gilt einmal.".to_owned(),
        |until| format!("Der Link gilt einmal, bis {}.", moment(until)),
    );
    let firm = facts.firm.as_deref().unwrap_or("eine Firma");
    let (subject, before, button, after) = match template {
        Template::EmailVerification => (
            format!("Bestätigen Sie Ihre E-Mail-Adresse für {product}"),
            vec![format!(
                "Willkommen bei {product}. Bitte bestätigen Sie, dass diese E-Mail-Adresse Ihnen gehört."
            )],
            "Adresse bestätigen",
            vec![once, UNASKED.to_owned()],
        ),
        Template::PasswordReset => (
            format!("Neues Passwort für {product}"),
            vec![format!(
                "Jemand, vermutlich Sie, hat ein neues Passwort für Ihr Konto bei {product} angefordert."
            )],
            "Neues Passwort wählen",
            vec![
                once,
                "Wenn Sie das nicht waren, müssen Sie nichts tun: Ihr Passwort bleibt, wie es ist.".to_owned(),
            ],
        ),
        Template::EmailChange => (
            format!("Bestätigen Sie Ihre neue E-Mail-Adresse für {product}"),
            vec![format!(
                "Bitte bestätigen Sie, dass dies die neue E-Mail-Adresse Ihres Kontos bei {product} ist."
            )],
            "Adresse bestätigen",
            vec![once, UNASKED.to_owned()],
        ),
        Template::EmailChangeNotice => (
            format!("Ihre E-Mail-Adresse bei {product} soll geändert werden"),
            vec![
                format!(
                    "Jemand, vermutlich Sie, möchte die E-Mail-Adresse Ihres Kontos bei {product} ändern, und zwar in: {new_email}"
                ),
                "Bis diese Adresse bestätigt ist, bleibt alles, wie es ist.".to_owned(),
            ],
            "Sitzungen ansehen",
            vec![NOT_YOU.to_owned()],
        ),
        Template::EmailChanged => (
            format!("Ihre E-Mail-Adresse bei {product} wurde geändert"),
            vec![
                format!("Die E-Mail-Adresse Ihres Kontos bei {product} lautet ab jetzt: {new_email}"),
                "Dies ist die letzte Nachricht an diese Adresse.".to_owned(),
            ],
            "",
            vec![format!(
                "Wenn Sie das nicht waren, wenden Sie sich bitte sofort an die Betreiber von {product}."
            )],
        ),
        Template::PasswordChanged => (
            format!("Ihr Passwort bei {product} wurde geändert"),
            vec![format!("Das Passwort Ihres Kontos bei {product} wurde geändert.")],
            "Neues Passwort wählen",
            vec![
                "Wenn Sie das waren, müssen Sie nichts tun.".to_owned(),
                NOT_YOU.to_owned(),
            ],
        ),
        Template::AddressTaken => (
            format!("Sie haben bereits ein Konto bei {product}"),
            vec![
                format!(
                    "Jemand, vermutlich Sie, wollte diese E-Mail-Adresse für ein Konto bei {product} verwenden. Sie hat schon eines, und nichts wurde geändert."
                ),
                "Wenn Sie Ihr Passwort vergessen haben, können Sie ein neues wählen.".to_owned(),
            ],
            "Neues Passwort wählen",
            vec!["Wenn Sie das nicht waren, müssen Sie nichts tun.".to_owned()],
        ),
        Template::NewDevice => (
            format!("Neue Anmeldung bei Ihrem Konto bei {product}"),
            {
                let mut lines = vec![format!(
                    "Jemand, vermutlich Sie, hat sich mit einem neuen Gerät bei Ihrem Konto bei {product} angemeldet."
                )];
                lines.extend(details(facts));
                lines
            },
            "Sitzungen ansehen",
            vec![
                "Wenn Sie das waren, müssen Sie nichts tun.".to_owned(),
                NOT_YOU.to_owned(),
            ],
        ),
        Template::Invitation => (
            format!("Einladung zu {product}"),
            vec![format!("Sie sind eingeladen, bei {product} dabei zu sein: {firm}")],
            "Einladung annehmen",
            vec![once, "Wenn Sie das nicht möchten, müssen Sie nichts tun.".to_owned()],
        ),
        Template::InvitationTaken => (
            format!("Einladung zu {product}, wo Sie ein Konto haben"),
            vec![
                format!("Sie sind eingeladen, bei {product} dabei zu sein: {firm}"),
                "Ihre Adresse hat dort schon ein Konto, das nicht umziehen kann. Bitten Sie um eine Einladung an eine andere Adresse.".to_owned(),
            ],
            "Anmelden",
            vec!["Wenn Sie das nicht möchten, müssen Sie nichts tun.".to_owned()],
        ),
    };
    Words {
        subject,
        before,
        button,
        after,
        link: "Falls die Schaltfläche nicht funktioniert, öffnen Sie diese Adresse:",
        footer: format!("Gesendet von {product}, weil Ihre Adresse dort angegeben wurde."),
    }
}

fn details(facts: &Facts<'_>) -> Vec<String> {
    let device = match facts.device {
        Device {
            browser: Some(browser),
            system: Some(system),
        } => Some(format!("Gerät: {browser}, {system}")),
        Device {
            browser: Some(name), ..
        }
        | Device { system: Some(name), .. } => Some(format!("Gerät: {name}")),
        Device { .. } => None,
    };
    let ip = facts.ip.map(|ip| format!("IP-Adresse: {ip}"));
    let at = facts.at.as_ref().map(|at| format!("Zeit: {}", moment(at)));
    [device, ip, at].into_iter().flatten().collect()
}

fn moment(Moment { year, month, day, time }: &Moment) -> String {
    format!("{day}.{month}.{year}, {time} Uhr UTC")
}

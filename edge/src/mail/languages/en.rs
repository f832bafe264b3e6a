//! English.

use crate::mail::device::Device;
use crate::mail::templates::{Facts, Moment, Template, Words};

const NOT_YOU: &str = "If this wasn't you, someone else may know your password. Choose a new one right away; that also \
                       ends every session.";
const UNASKED: &str = "If you didn't ask for this, you don't have to do anything.";

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn words(template: Template, facts: &Facts<'_>) -> Words {
    let product = facts.product;
    let new_email = facts.new_email.as_deref().unwrap_or("another address");
    let once = facts.until.as_ref().map_or_else(
        || "The link works once.".to_owned(),
        |until| format!("The link works once, until {}.", moment(until)),
    );
    let firm = facts.firm.as_deref().unwrap_or("a firm");
    let (subject, before, button, after) = match template {
        Template::EmailVerification => (
            format!("Confirm your e-mail address for {product}"),
            vec![format!(
                "Welcome to {product}. Please confirm that this e-mail address is yours."
            )],
            "Confirm the address",
            vec![once, UNASKED.to_owned()],
        ),
        Template::PasswordReset => (
            format!("Choose a new password for {product}"),
            vec![format!(
                "Someone, probably you, asked for a new password for your account at {product}."
            )],
            "Choose a new password",
            vec![
                once,
                "If you didn't ask for this, you don't have to do anything: your password stays as it is.".to_owned(),
            ],
        ),
        Template::EmailChange => (
            format!("Confirm your new e-mail address for {product}"),
            vec![format!(
                "Please confirm that this is the new e-mail address of your account at {product}."
            )],
            "Confirm the address",
            vec![once, UNASKED.to_owned()],
        ),
        Template::EmailChangeNotice => (
            format!("Your e-mail address at {product} is about to change"),
            vec![
                format!(
                    "Someone, probably you, asked to change the e-mail address of your account at {product} to {new_email}."
                ),
                "Nothing changes until that address is confirmed.".to_owned(),
            ],
            "See your sessions",
            vec![NOT_YOU.to_owned()],
        ),
        Template::EmailChanged => (
            format!("Your e-mail address at {product} was changed"),
            vec![
                format!("The e-mail address of your account at {product} is {new_email} from now on."),
                "This is the last mail to this address.".to_owned(),
            ],
            "",
            vec![format!("If this wasn't you, tell whoever runs {product} right away.")],
        ),
        Template::PasswordChanged => (
            format!("Your password at {product} was changed"),
            vec![format!("The password of your account at {product} was changed.")],
            "Choose a new password",
            vec![
                "If this was you, you don't have to do anything.".to_owned(),
                NOT_YOU.to_owned(),
            ],
        ),
        Template::AddressTaken => (
            format!("You already have an account at {product}"),
            vec![
                format!(
                    "Someone, probably you, tried to use this e-mail address for an account at {product}. It has one already, and nothing was changed."
                ),
                "If you have forgotten your password, you can choose a new one.".to_owned(),
            ],
            "Choose a new password",
            vec!["If this wasn't you, you don't have to do anything.".to_owned()],
        ),
        Template::NewDevice => (
            format!("A new sign-in to your account at {product}"),
            {
                let mut lines = vec![format!(
                    "Someone, probably you, signed in to your account at {product} from a new device."
                )];
                lines.extend(details(facts));
                lines
            },
            "See your sessions",
            vec![
                "If this was you, you don't have to do anything.".to_owned(),
                NOT_YOU.to_owned(),
            ],
        ),
        Template::Invitation => (
            format!("An invitation to {product}"),
            vec![format!("You are invited to join {firm} at {product}.")],
            "Accept the invitation",
            vec![
                once,
                "If you don't want to join, you don't have to do anything.".to_owned(),
            ],
        ),
        Template::InvitationTaken => (
            format!("An invitation to {product}, where you have an account"),
            vec![
                format!("You are invited to join {firm} at {product}."),
                "Your address has an account there already, which can't be moved. To join, ask for an invitation to another address.".to_owned(),
            ],
            "Sign in",
            vec!["If you don't want to join, you don't have to do anything.".to_owned()],
        ),
    };
    Words {
        subject,
        before,
        button,
        after,
        link: "If the button doesn't work, open this address:",
        footer: format!("Sent by {product}, because your address was given there."),
    }
}

fn details(facts: &Facts<'_>) -> Vec<String> {
    let device = match facts.device {
        Device {
            browser: Some(browser),
            system: Some(system),
        } => Some(format!("Device: {browser} on {system}")),
        Device {
            browser: Some(name), ..
        }
        | Device { system: Some(name), .. } => Some(format!("Device: {name}")),
        Device { .. } => None,
    };
    let ip = facts.ip.map(|ip| format!("IP address: {ip}"));
    let at = facts.at.as_ref().map(|at| format!("Time: {}", moment(at)));
    [device, ip, at].into_iter().flatten().collect()
}

fn moment(Moment { year, month, day, time }: &Moment) -> String {
    let names = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let name = month
        .parse::<usize>()
        .ok()
        .and_then(|month| names.get(month.checked_sub(1)?))
        .unwrap_or(&"");
    format!("{} {name} {year}, {time} UTC", day.trim_start_matches('0'))
}

//! `/`: who am I.

use maud::{Markup, html};

use super::form::{hidden, submit};
use super::layout::{self, Width, heading, moment};
use super::text::{Words, fill};
use super::visit::View;
use crate::reply::Reply;
use crate::store::users::User;

pub(super) fn page(view: &View) -> Reply {
    match &view.user {
        Some(user) => layout::page(view, Width::Wide, view.words.home, false, &known(view, user)),
        None => layout::page(view, Width::Narrow, view.words.welcome_title, false, &unknown(view)),
    }
}

fn unknown(view: &View) -> Markup {
    let words = view.words;
    html! {
        (heading(view, words.welcome_title, &fill(words.welcome_lead, view.product())))
        p.actions.stack {
            a.button.primary href="/login" { (words.sign_in) }
            a.button href="/register" { (words.sign_up) }
        }
    }
}

fn known(view: &View, user: &User) -> Markup {
    let words = view.words;
    html! {
        (heading(view, &fill(words.hello, &user.name), &fill(words.whoami, view.product())))
        @if !user.is_verified {
            div.notice {
                p { (words.unverified_lead) }
                form method="post" action="/verify-email" data-enhance {
                    (hidden("email", &user.email))
                    (submit(view, words.resend))
                }
            }
        }
        dl.facts {
            dt { (words.name) } dd { (user.name) }
            dt { (words.email) }
            dd {
                (user.email) " "
                @if user.is_verified { span.badge.good { (words.verified) } } @else { span.badge { (words.unverified) } }
            }
            dt { (words.role) } dd { (Words::named(words.role_names, user.role.as_str())) }
            dt { (words.tier) } dd { (Words::named(words.tier_names, user.tier.as_str())) }
            @if let Some(phone) = &user.phone { dt { (words.phone) } dd { (phone) } }
            @if let Some(department) = &user.department { dt { (words.department) } dd { (department) } }
            @if let Some(position) = &user.position { dt { (words.position) } dd { (position) } }
            dt { (words.member_since) } dd { (moment(&user.created_at.to_string())) }
            @if let Some(time) = user.last_login_at { dt { (words.last_login) } dd { (moment(&time.to_string())) } }
        }
        p.actions {
            a.button href="/profile/edit" { (words.profile) }
            a.button href="/account" { (words.account) }
            a.button href="/sessions" { (words.sessions) }
        }
    }
}

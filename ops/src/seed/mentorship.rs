//! What the seeded mentors offer, what the seeded mentees want, and some office sessions between them.
//!
//! Only what is missing is made: a mentor with a row of the own, and a pair that has ever met, stay as they are.

use tokio_postgres::Transaction;

use crate::database::explain;

/// A mentor, by the number in the address.
struct Mentor {
    headline: &'static str,
    bio: &'static str,
    expertise: &'static [&'static str],
    zone: &'static str,
    /// ISO weekday, and the hours from and to on the mentor's clock; 24 is midnight.
    hours: &'static [(i16, i32, i32)],
}

const MENTORS: [Mentor; 5] = [
    Mentor {
        headline: "Systems that stay up",
        bio: "Twenty years of databases and of the nights that come with them.",
        expertise: &["Rust", "Distributed systems", "PostgreSQL"],
        zone: "Europe/Berlin",
        hours: &[(1, 9, 12), (3, 14, 17)],
    },
    Mentor {
        headline: "From an idea to a product that people pay for",
        bio: "Founded twice, sold once, learned both times.",
        expertise: &["Product", "Fundraising"],
        zone: "Europe/London",
        hours: &[(2, 10, 13), (4, 10, 13)],
    },
    Mentor {
        headline: "Numbers that can be trusted",
        bio: "Statistics first, models second.",
        expertise: &["Data science", "PostgreSQL"],
        zone: "America/New_York",
        hours: &[(1, 13, 17), (5, 9, 12)],
    },
    Mentor {
        headline: "Security without theatre",
        bio: "Breaks things for a living and explains how to mend them.",
        expertise: &["Security", "Rust"],
        zone: "Asia/Tokyo",
        hours: &[(3, 9, 11), (6, 10, 12)],
    },
    Mentor {
        headline: "Leading people who know more than you",
        bio: "Available when the children are asleep.",
        expertise: &["Leadership", "Hiring"],
        zone: "Europe/Berlin",
        hours: &[(2, 20, 24), (4, 20, 24)],
    },
];

const GOALS: [&str; 5] = [
    "Understand what happens when two transactions meet.",
    "Find the first ten customers.",
    "Read a paper on statistics without skipping the formulas.",
    "Write down what our threat model is.",
    "Give feedback that helps.",
];

/// The mentee with that number and the mentor with the same: the status, how many weeks from now, and what for. The fifth
/// two have yet to meet.
const SESSIONS: [(&str, i32, &str); 4] = [
    ("requested", 1, "Isolation levels"),
    ("confirmed", 1, "A first price"),
    ("completed", -1, "Reading confidence intervals"),
    ("cancelled", 1, "Threat modelling"),
];

/// Makes what is missing, and answers how many office sessions that were.
///
/// # Errors
/// What Postgres says.
pub(super) async fn make(transaction: &Transaction<'_>) -> anyhow::Result<usize> {
    for (number, mentor) in (1..).zip(&MENTORS) {
        make_mentor(transaction, &format!("mentor{number}@example.com"), mentor).await?;
    }
    for (number, goals) in (1..).zip(GOALS) {
        let made = transaction
            .execute(
                "INSERT INTO mentees (user_id, tenant, goals)
                 SELECT id, coalesce(firm_id, '00000000-0000-0000-0000-000000000000'), $2
                 FROM users WHERE lower(email) = $1 AND role = 'mentee'
                 ON CONFLICT (user_id) DO NOTHING",
                &[&format!("mentee{number}@example.com"), &goals],
            )
            .await;
        made.map_err(explain)?;
    }
    let mut sessions = 0;
    for (number, session) in (1..).zip(SESSIONS) {
        sessions += usize::from(make_session(transaction, number, session).await?);
    }
    Ok(sessions)
}

async fn make_mentor(transaction: &Transaction<'_>, email: &str, mentor: &Mentor) -> anyhow::Result<()> {
    let made = transaction
        .query_opt(
            "INSERT INTO mentors (user_id, tenant, headline, bio)
             SELECT id, coalesce(firm_id, '00000000-0000-0000-0000-000000000000'), $2, $3
             FROM users WHERE lower(email) = $1 AND role = 'mentor'
             ON CONFLICT (user_id) DO NOTHING RETURNING user_id::text",
            &[&email, &mentor.headline, &mentor.bio],
        )
        .await
        .map_err(explain)?;
    let Some(row) = made else {
        return Ok(());
    };
    let id: String = row.get(0);
    for (rank, name) in (0_i16..).zip(mentor.expertise) {
        transaction
            .execute(
                "INSERT INTO expertise (name) VALUES ($1) ON CONFLICT DO NOTHING",
                &[name],
            )
            .await
            .map_err(explain)?;
        transaction
            .execute(
                "INSERT INTO mentor_expertise (mentor_id, expertise_id, rank)
                 SELECT $1::text::uuid, id, $3 FROM expertise WHERE lower(name) = lower($2)",
                &[&id, name, &rank],
            )
            .await
            .map_err(explain)?;
    }
    for (weekday, from, to) in mentor.hours {
        transaction
            .execute(
                "INSERT INTO availability (mentor_id, weekday, start_minute, end_minute, time_zone)
                 VALUES ($1::text::uuid, $2, $3, $4, $5)",
                &[&id, weekday, &(from * 60), &(to * 60), &mentor.zone],
            )
            .await
            .map_err(explain)?;
    }
    Ok(())
}

/// Half an hour at the beginning of the mentor's first hours of a week, on the mentor's clock.
async fn make_session(
    transaction: &Transaction<'_>,
    number: i32,
    (status, weeks, topic): (&str, i32, &str),
) -> anyhow::Result<bool> {
    let made = transaction
        .execute(
            "INSERT INTO office_sessions (id, tenant, mentor_id, mentee_id, starts_at, ends_at, time_zone, status, topic)
             SELECT gen_random_uuid(), mentors.tenant, mentors.user_id, mentees.user_id, at, at + interval '30 minutes',
                    hours.time_zone, $3, $5
             FROM users AS one
             JOIN mentors ON mentors.user_id = one.id
             JOIN users AS other ON lower(other.email) = $2
             JOIN mentees ON mentees.user_id = other.id AND mentees.tenant = mentors.tenant
             CROSS JOIN LATERAL (SELECT * FROM availability WHERE mentor_id = one.id ORDER BY weekday, start_minute LIMIT 1) AS hours
             CROSS JOIN LATERAL (
                 SELECT (date_trunc('week', now() AT TIME ZONE hours.time_zone) + ($4 * 7 + hours.weekday - 1) * interval '1 day'
                         + hours.start_minute * interval '1 minute') AT TIME ZONE hours.time_zone AS at) AS time
             WHERE lower(one.email) = $1
               AND NOT EXISTS (SELECT FROM office_sessions
                               WHERE mentor_id = mentors.user_id AND mentee_id = mentees.user_id)
             ON CONFLICT DO NOTHING",
            &[
                &format!("mentor{number}@example.com"),
                &format!("mentee{number}@example.com"),
                &status,
                &weeks,
                &topic,
            ],
        )
        .await
        .map_err(explain)?;
    Ok(made > 0)
}

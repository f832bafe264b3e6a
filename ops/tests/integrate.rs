//! The policies that docs/INTEGRATE.md shows, tried on a real Postgres: who sees and writes what.

mod support;

use serde_json::{Value, json};
use support::Database;

const POLICIES: &str = include_str!("../../docs/integrate/postgres/policies.sql");

const ADA: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const BEN: &str = "01890a5d-ac96-774b-bcce-b302099a8058";
const EVE: &str = "01890a5d-ac96-774b-bcce-b302099a8059";
const ACME: &str = "01890a5d-ac96-774b-bcce-b302099a80aa";
const OTHER: &str = "01890a5d-ac96-774b-bcce-b302099a80bb";

fn claims(sub: &str, role: &str, tier: &str, firm: Option<&str>) -> Value {
    json!({ "sub": sub, "role": role, "tier": tier, "firm": firm })
}

/// What a service does in one transaction, with the claims of a checked token.
fn transaction(claims: &Value, statement: &str) -> String {
    format!("BEGIN; SET LOCAL ROLE notes_app; SET LOCAL request.jwt.claims = '{claims}'; {statement}; COMMIT")
}

/// What the bearer of these claims sees.
fn seen(database: &Database, claims: &Value) -> Vec<String> {
    let rows = database.rows(&transaction(claims, "SELECT text FROM notes ORDER BY text"));
    rows.into_iter().map(|row| row[0].clone().unwrap()).collect()
}

/// How many rows a statement touched, or that it was refused.
fn touched(database: &Database, claims: &Value, statement: &str) -> Result<usize, String> {
    let statement = transaction(claims, &format!("{statement} RETURNING 1"));
    let result = database.try_rows(&statement).map(|rows| rows.len());
    if result.is_err() {
        database.execute("ROLLBACK");
    }
    result
}

#[test]
fn rows_are_let_out_by_the_claims() {
    let database = Database::create();
    database.execute(POLICIES);
    database.execute(&format!(
        "INSERT INTO notes (owner, firm, text) VALUES
            ('{ADA}', '{ACME}', 'ada'), ('{BEN}', '{ACME}', 'ben'), ('{EVE}', '{OTHER}', 'eve'), ('{EVE}', NULL, 'alone')"
    ));

    let ada = claims(ADA, "mentee", "member", Some(ACME));
    assert_eq!(seen(&database, &ada), ["ada"]);
    assert_eq!(seen(&database, &claims(BEN, "pm", "free", Some(ACME))), ["ada", "ben"]);
    assert_eq!(
        seen(&database, &claims(BEN, "admin", "free", Some(ACME))),
        ["ada", "ben"]
    );
    assert_eq!(seen(&database, &claims(BEN, "pm", "free", None)), ["ben"]);
    assert_eq!(
        seen(&database, &claims(ADA, "admin", "free", None)),
        ["ada", "alone", "ben", "eve"]
    );
    assert_eq!(seen(&database, &json!({})), Vec::<String>::new(), "nobody is signed in");
    let nothing = database.rows("BEGIN; SET LOCAL ROLE notes_app; SELECT text FROM notes; COMMIT");
    assert_eq!(nothing, Vec::<Vec<Option<String>>>::new(), "nobody set any claims");

    // A pm reads what is of the firm, and changes nothing of it.
    let pm = claims(BEN, "pm", "member", Some(ACME));
    assert_eq!(
        touched(&database, &pm, "UPDATE notes SET text = 'taken' WHERE text = 'ada'"),
        Ok(0)
    );
    assert_eq!(touched(&database, &ada, "DELETE FROM notes WHERE text = 'ben'"), Ok(0));
    assert_eq!(touched(&database, &ada, "UPDATE notes SET text = 'Ada'"), Ok(1));

    assert_eq!(
        touched(&database, &ada, "INSERT INTO notes (text) VALUES ('mine')"),
        Ok(1)
    );
    assert_eq!(seen(&database, &ada), ["Ada", "mine"]);
    for (bearer, statement) in [
        (
            &claims(ADA, "mentee", "free", Some(ACME)),
            "INSERT INTO notes (text) VALUES ('not a member')".to_owned(),
        ),
        (
            &ada,
            format!("INSERT INTO notes (owner, text) VALUES ('{BEN}', 'in another name')"),
        ),
        (
            &ada,
            format!("INSERT INTO notes (firm, text) VALUES ('{OTHER}', 'into another firm')"),
        ),
        (&ada, format!("UPDATE notes SET owner = '{BEN}'")),
        (&ada, format!("UPDATE notes SET firm = '{OTHER}'")),
        (&json!({}), "INSERT INTO notes (text) VALUES ('nobody')".to_owned()),
    ] {
        let refused = touched(&database, bearer, &statement).unwrap_err();
        assert!(
            refused.contains("row-level security") || refused.contains("not-null"),
            "{statement}: {refused}"
        );
    }

    // Nothing of a transaction is left for the next one on the same connection.
    assert_eq!(database.value("SELECT count(*) FROM notes"), "5");
    assert_eq!(database.rows("SELECT claim('sub')"), [[None]]);
}

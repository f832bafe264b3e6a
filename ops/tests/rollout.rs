//! `doorward rollout` and `doorward migrate --until` on real databases.

mod support;

use support::{Database, json, refusal, stderr};

#[test]
fn the_switch_is_shown_and_moved() {
    let database = Database::migrated();
    let show = || json(&database.doorward(&["rollout", "show", "--json"]))["rollout"].clone();
    assert!(show().is_null(), "nobody has set it");
    let mut before = serde_json::Value::Null;
    for position in ["off", "shadow", "percent:0", "percent:100", "on"] {
        let output = database.doorward(&["rollout", "set", position, "--json"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(json(&output)["before"], before);
        before = position.into();
        assert_eq!(show(), position);
    }
    for position in ["percent:101", "half", "On", ""] {
        let output = database.doorward(&["rollout", "set", position]);
        assert_eq!(output.status.code(), Some(1), "{position}");
        assert!(refusal(&output).contains("percent:N"), "{}", refusal(&output));
        assert_eq!(show(), "on", "where it was");
    }
}

#[test]
fn a_migration_goes_no_further_than_it_is_told() {
    let database = Database::create();
    let version = |arguments: &[&str]| {
        let output = database.doorward(&[&["migrate", "--json"], arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        let rows = database.rows("SELECT max(version)::text FROM schema_migrations");
        rows[0][0].clone().unwrap()
    };
    assert_eq!(version(&["--until", "10"]), "10");
    assert_eq!(version(&["--until", "3"]), "10", "never back");
    assert_ne!(version(&[]), "10");
    let output = database.doorward(&["migrate", "--until", "9999"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(refusal(&output).contains("no migration 9999"), "{}", refusal(&output));
}

//! A value in Postgres' text format as JSON, for callers who don't decode it themselves.

use serde_json::{Number, Value};

use super::array;

/// What JSON makes of a type, by the OID of `pg_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    /// `int2` and `int4`: a JSON number holds them. `int8` and `numeric` stay texts, because JavaScript's doesn't.
    Integer,
    Float,
    Json,
    Text,
}

/// The value as JSON: booleans, small integers, floats, json and arrays as such, everything else as its text.
pub(crate) fn to_json(type_oid: u32, text: &str) -> Value {
    match element_of(type_oid) {
        Some(kind) => array::to_json(text, &|element| scalar(kind, element)).unwrap_or_else(|| Value::from(text)),
        None => scalar(kind_of(type_oid), text),
    }
}

fn scalar(kind: Kind, text: &str) -> Value {
    let value = match kind {
        Kind::Boolean => Some(Value::Bool(text == "t")),
        Kind::Integer => text.parse::<i64>().ok().map(Value::from),
        // NaN and Infinity aren't JSON: they stay texts.
        Kind::Float => text.parse().ok().and_then(Number::from_f64).map(Value::Number),
        Kind::Json => serde_json::from_str(text).ok(),
        Kind::Text => None,
    };
    value.unwrap_or_else(|| Value::from(text))
}

fn kind_of(type_oid: u32) -> Kind {
    match type_oid {
        16 => Kind::Boolean,
        21 | 23 => Kind::Integer,
        700 | 701 => Kind::Float,
        114 | 3802 => Kind::Json,
        _ => Kind::Text,
    }
}

/// The kind of an array's elements, for the arrays of the types that every Postgres has.
fn element_of(type_oid: u32) -> Option<Kind> {
    Some(match type_oid {
        1000 => Kind::Boolean,
        1005 | 1007 => Kind::Integer,
        1021 | 1022 => Kind::Float,
        199 | 3807 => Kind::Json,
        // bytea, char, name, text, varchar, bpchar, int8, oid, numeric
        1001 | 1002 | 1003 | 1009 | 1015 | 1014 | 1016 | 1028 | 1231
        // date, time, timestamp, timestamptz, timetz, interval
        | 1182 | 1183 | 1115 | 1185 | 1270 | 1187
        // uuid, inet, cidr, macaddr
        | 2951 | 1041 | 651 | 1040 => Kind::Text,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_become_what_json_has_for_them() {
        for (oid, text, value) in [
            (16, "t", json!(true)),
            (16, "f", json!(false)),
            (23, "-7", json!(-7)),
            (20, "9007199254740993", json!("9007199254740993")),
            (1700, "1.50", json!("1.50")),
            (701, "1.5", json!(1.5)),
            (701, "NaN", json!("NaN")),
            (701, "-Infinity", json!("-Infinity")),
            (3802, r#"{"a": [1]}"#, json!({"a": [1]})),
            (25, "t", json!("t")),
            (17, r"\x00ff", json!(r"\x00ff")),
            (1007, "{1,NULL,3}", json!([1, null, 3])),
            (1000, "{t,f}", json!([true, false])),
            (1016, "{1}", json!(["1"])),
            (3807, r#"{"{\"a\": 1}",null}"#, json!([{"a": 1}, null])),
            (600, "(1,2)", json!("(1,2)")),
        ] {
            assert_eq!(to_json(oid, text), value, "{oid} {text}");
        }
    }
}

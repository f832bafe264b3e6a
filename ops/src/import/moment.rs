//! Points in time in the shapes that old systems have them in.

use doorward_core::time::Time;

use super::value::Value;

/// 0001-01-01 and the end of 9999: what Postgres and RFC 3339 can both write.
const PRINTABLE: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;
/// A number below this counts seconds, one above milliseconds: as seconds it is the year 5138, as milliseconds 1973.
const FIRST_MILLIS: u64 = 100_000_000_000;

/// A moment that was read, and what it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) time: Time,
    /// The shape that had to be cleaned, if it isn't the one that the source has for it.
    pub(super) shape: Option<&'static str>,
}

/// Reads one. In a `textual` source a text in RFC 3339 is what it should be; elsewhere the source has a type for it.
///
/// # Errors
/// The code of what can't be read.
pub(super) fn read(value: &Value, textual: bool) -> Result<Option<Moment>, &'static str> {
    if value.is_none() {
        return Ok(None);
    }
    let (millis, shape) = match value {
        Value::Date(time) => (Some(time.as_millis()), None),
        Value::Int(number) => (Some(of_number(*number)), Some("number")),
        Value::Text(text) => {
            let text = text.trim();
            if let Ok(time) = Time::parse(text) {
                (Some(time.as_millis()), (!textual).then_some("text"))
            } else if let Ok(number) = text.parse() {
                (Some(of_number(number)), Some("number"))
            } else {
                let whole = [
                    format!("{text}Z"),
                    format!("{text}T00:00:00Z"),
                    text.replace(" UTC", "Z"),
                ];
                let time = whole.iter().find_map(|text| Time::parse(text).ok());
                (time.map(Time::as_millis), Some("without_time_zone"))
            }
        }
        _ => (None, None),
    };
    match millis.filter(|millis| PRINTABLE.contains(millis)) {
        Some(millis) => Ok(Some(Moment {
            time: Time::from_millis(millis),
            shape,
        })),
        None => Err("unreadable"),
    }
}

fn of_number(number: i64) -> i64 {
    if number.unsigned_abs() < FIRST_MILLIS {
        number * 1000
    } else {
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-01T00:00:00Z.
    const NEW_YEAR: i64 = 1_704_067_200_000;

    #[test]
    fn three_shapes_are_one_moment() {
        let text = |text: &str| Value::Text(text.to_owned());
        for (value, shape) in [
            (Value::Date(Time::from_millis(NEW_YEAR)), None),
            (Value::Int(NEW_YEAR), Some("number")),
            (Value::Int(NEW_YEAR / 1000), Some("number")),
            (text("1704067200000"), Some("number")),
            (text("2024-01-01T01:00:00.000+01:00"), Some("text")),
            (text(" 2024-01-01 00:00:00Z "), Some("text")),
            (text("2024-01-01"), Some("without_time_zone")),
            (text("2024-01-01 00:00:00.000"), Some("without_time_zone")),
            (text("2024-01-01 00:00:00 UTC"), Some("without_time_zone")),
        ] {
            let read = read(&value, false).unwrap().unwrap();
            assert_eq!((read.time.as_millis(), read.shape), (NEW_YEAR, shape), "{value:?}");
        }
        let read = read(&text("2024-01-01T00:00:00Z"), true).unwrap().unwrap();
        assert_eq!(read.shape, None);
    }

    #[test]
    fn the_rest_is_unreadable() {
        for value in [
            Value::Text("yesterday".to_owned()),
            Value::Text("01/02/2024".to_owned()),
            Value::Text("0000-01-01T00:00:00Z".to_owned()),
            Value::Int(i64::MAX),
            Value::Int(i64::MIN),
            Value::Other,
            Value::Bool(true),
        ] {
            assert_eq!(read(&value, false), Err("unreadable"), "{value:?}");
        }
        assert_eq!(read(&Value::None, false), Ok(None));
        assert_eq!(read(&Value::Text("  ".to_owned()), false), Ok(None));
    }
}

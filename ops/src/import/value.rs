//! What a source says of one person or one token, before it is judged: a value for each field that is understood.

use doorward_core::time::Time;

/// A field that the imports understand, whatever the source calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Field {
    Id,
    Email,
    Name,
    FirstName,
    LastName,
    Password,
    IsVerified,
    Role,
    Status,
    Phone,
    AvatarUrl,
    Department,
    Position,
    CreatedAt,
    UpdatedAt,
    LastLoginAt,
    UserId,
    Token,
    TokenHash,
    ExpiresAt,
    UsedAt,
    Banned,
}

/// How many fields there are.
pub(super) const FIELDS: usize = Field::Banned as usize + 1;

/// One value, with the type that the source gave it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Value {
    /// Not there, or null.
    #[default]
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
    /// A point in time that the source knows to be one.
    Date(Time),
    /// One of MongoDB's ids.
    ObjectId([u8; 12]),
    /// A UUID.
    Uuid([u8; 16]),
    /// Something that no field can be: a list, a document, a fraction.
    Other,
}

impl Value {
    /// Whether there is anything.
    pub(super) fn is_none(&self) -> bool {
        match self {
            Self::None => true,
            Self::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As it is shown to a person, cut to a length that fits a line.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Text(text) => text.chars().take(254).collect(),
            Self::Date(time) => time.to_string(),
            Self::ObjectId(bytes) => hex(bytes),
            Self::Uuid(bytes) => doorward_core::id::UserId::from_bytes(*bytes).to_string(),
            Self::Other => "(a list or a document)".to_owned(),
        }
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

/// The bytes of hexadecimal digits of either case.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// One record: the values of the fields that were recognised.
#[derive(Debug, Default)]
pub(super) struct Record {
    values: [(u8, Value); FIELDS],
    /// Why nothing of it can be read.
    pub(super) damage: Option<&'static str>,
}

impl Record {
    /// One that can't be read, and why.
    pub(super) fn damaged(why: &'static str) -> Self {
        Self {
            damage: Some(why),
            ..Self::default()
        }
    }

    /// Enters a value that came under a name of this rank: the lowest rank that has something wins.
    pub(super) fn set(&mut self, (field, rank): (Field, u8), value: Value) {
        let Some(slot) = self.values.get_mut(field as usize) else {
            return;
        };
        if !value.is_none() && (slot.1.is_none() || rank < slot.0) {
            *slot = (rank, value);
        }
    }

    /// The value of a field.
    pub(super) fn get(&self, field: Field) -> &Value {
        self.values.get(field as usize).map_or(&Value::None, |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_name_wins_wherever_it_stands() {
        for order in [[0, 1], [1, 0]] {
            let mut record = Record::default();
            for rank in order {
                record.set((Field::Password, rank), Value::Text(format!("rank {rank}")));
            }
            assert_eq!(record.get(Field::Password).text(), Some("rank 0"));
        }
        let mut record = Record::default();
        record.set((Field::Password, 1), Value::Text("hash".to_owned()));
        record.set((Field::Password, 0), Value::Text(" ".to_owned()));
        assert_eq!(record.get(Field::Password).text(), Some("hash"));
    }

    #[test]
    fn hexadecimal_both_ways() {
        assert_eq!(unhex::<3>("00fFa1"), Some([0, 255, 161]));
        assert_eq!(hex(&[0, 255, 161]), "00ffa1");
        for text in ["00ff", "00ffa", "00ffag", "+0ffa1", "é0ffa"] {
            assert_eq!(unhex::<3>(text), None, "{text}");
        }
    }
}

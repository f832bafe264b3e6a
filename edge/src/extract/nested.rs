//! What stands deeper in a body than a field of its own: objects, lists, numbers.

use std::borrow::Cow;

use doorward_core::error::{FieldError, FieldProblem, Problem};
use serde_json::{Map, Value};

use super::{Fields, Json};

impl Fields {
    /// Whether a field is there, be it null.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.members.iter().any(|(name, _)| name == path)
    }

    /// Notes problems that are known already.
    pub(crate) fn note(&mut self, error: FieldError) {
        self.errors.push(error);
    }

    /// Takes the members called `names` out of the object at `path`, to be read as if they stood beside it. Null is no
    /// object, and what else is in it is ignored.
    pub(crate) fn lift(&mut self, path: &'static str, names: &[&str]) {
        match self.take(path) {
            None | Some(Json::Null) => {}
            Some(Json::Object { members, .. }) => {
                for (name, value) in members.into_iter().filter(|(name, _)| names.contains(&name.as_str())) {
                    if self.has(&name) {
                        self.errors.push(super::duplicate(name));
                    } else {
                        self.members.push((name, value));
                    }
                }
            }
            Some(_) => self.problem(path, &FieldProblem::WrongType).unwrap_or_default(),
        }
    }

    /// A whole number; absent or null is none.
    pub(crate) fn integer(&mut self, path: &'static str) -> Option<i64> {
        match self.take(path) {
            None | Some(Json::Null) => None,
            Some(Json::Number(number)) if number.is_i64() => number.as_i64(),
            Some(_) => self.problem(path, &FieldProblem::WrongType),
        }
    }

    /// An object of whatever; absent or null is none.
    pub(crate) fn object(&mut self, path: &'static str) -> Option<Map<String, Value>> {
        match self.take(path) {
            None | Some(Json::Null) => None,
            Some(Json::Object { members, .. }) => Some(map(members)),
            Some(_) => self.problem(path, &FieldProblem::WrongType),
        }
    }

    /// A list; null is an empty one, absent is none. One of more than `most` items is refused as a whole. Of each item what
    /// `read` makes of it, which notes what is wrong with the item's own fields; an item that is a text is one field without a
    /// name.
    pub(crate) fn list<T>(
        &mut self,
        path: &'static str,
        most: usize,
        too_many: &impl Problem,
        read: &mut dyn FnMut(&mut Fields) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = match self.take(path)? {
            Json::Null => Vec::new(),
            // A body is small, but what there is to say about it needn't be.
            Json::Array(items) if items.len() > most => return self.problem(path, too_many),
            Json::Array(items) => items,
            _ => return self.problem(path, &FieldProblem::WrongType),
        };
        let mut values = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            let mut fields = Self::none();
            match item {
                Json::Object { members, .. } => fields.members = members,
                text @ Json::Text(_) => fields.members.push((String::new(), text)),
                _ => fields.note(FieldError::new("", &FieldProblem::WrongType)),
            }
            if fields.errors.is_empty() {
                values.extend(read(&mut fields));
            }
            self.errors.extend(fields.errors.into_iter().map(|error| FieldError {
                path: Cow::Owned(match error.path.as_ref() {
                    "" => format!("{path}[{at}]"),
                    name => format!("{path}[{at}].{name}"),
                }),
                ..error
            }));
        }
        Some(values)
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(flag) => Self::Bool(flag),
            Json::Number(number) => Self::Number(number),
            Json::Text(text) => Self::String(text),
            Json::Array(items) => Self::Array(items.into_iter().map(Into::into).collect()),
            Json::Object { members, .. } => Self::Object(map(members)),
        }
    }
}

/// Put in one by one: collecting them would sort them first, with some kilobytes of code for it.
fn map(members: Vec<(String, Json)>) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in members {
        map.insert(name, value.into());
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use bytes::Bytes;
    use http::{HeaderMap, header};

    fn read(body: &str) -> Fields {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        Fields::read(&headers, &Bytes::copy_from_slice(body.as_bytes()), &[]).unwrap()
    }

    fn refused(fields: Fields) -> Vec<(String, &'static str)> {
        let Err(Failure::Rejected(rejection)) = fields.finish() else {
            panic!("accepted")
        };
        rejection.fields.iter().map(|f| (f.path.to_string(), f.code)).collect()
    }

    #[test]
    fn an_object_comes_as_it_was_sent() {
        let mut fields = read(r#"{"a":{"b":[1,-2,1.5,1e3,true,null,"x",{"c":{}}],"d":18446744073709551615}}"#);
        let expected =
            serde_json::json!({"b":[1,-2,1.5,1000.0,true,null,"x",{"c":{}}],"d":18_446_744_073_709_551_615_u64});
        assert_eq!(fields.object("a").map(Value::Object), Some(expected));
        let mut fields = read(r#"{"a":[],"b":null}"#);
        assert_eq!(
            (fields.object("a"), fields.object("b"), fields.object("c")),
            (None, None, None)
        );
        assert_eq!(refused(fields), [("a".to_owned(), "wrong_type")]);
    }

    #[test]
    fn whole_numbers() {
        let mut fields =
            read(r#"{"a":7,"b":-7,"c":7.5,"d":"7","e":null,"f":1e400}"#.replace("1e400", "1e300").as_str());
        assert_eq!(
            (fields.integer("a"), fields.integer("b"), fields.integer("e")),
            (Some(7), Some(-7), None)
        );
        for path in ["c", "d", "f"] {
            assert_eq!(fields.integer(path), None);
        }
        assert_eq!(refused(fields).len(), 3);
    }

    #[test]
    fn members_are_lifted_unless_they_stand_there_already() {
        let mut fields = read(r#"{"mentor":{"bio":"x","id":1,"headline":"y"},"headline":"z","mentee":null}"#);
        fields.lift("mentor", &["bio", "headline"]);
        fields.lift("mentee", &["goals"]);
        assert_eq!(fields.optional_text("bio").as_deref(), Some("x"));
        assert!(!fields.has("id") && !fields.has("mentor"));
        assert_eq!(refused(fields), [("headline".to_owned(), "duplicate")]);
        let mut fields = read(r#"{"mentor":"x"}"#);
        fields.lift("mentor", &["bio"]);
        assert_eq!(refused(fields), [("mentor".to_owned(), "wrong_type")]);
    }

    #[test]
    fn a_failing_item_is_named_by_its_place() {
        let mut fields = read(r#"{"list":[{"a":"x"},{"a":1},{},7,"x"],"none":null}"#);
        let mut list = |path| fields.list(path, 5, &FieldProblem::Invalid, &mut |item| item.required_text("a"));
        assert_eq!(list("list"), Some(vec!["x".to_owned()]));
        assert_eq!(list("none"), Some(vec![]));
        assert_eq!(list("absent"), None);
        let named = [
            ("list[1].a", "wrong_type"),
            ("list[2].a", "required"),
            ("list[3]", "wrong_type"),
            ("list[4].a", "required"),
        ];
        assert_eq!(refused(fields), named.map(|(path, code)| (path.to_owned(), code)));
    }

    #[test]
    fn of_a_list_that_is_too_long_no_item_is_read() {
        let mut fields = read(&format!(r#"{{"list":[{}{{}}]}}"#, "{},".repeat(20_000)));
        let list = fields.list("list", 20_000, &FieldProblem::Invalid, &mut |_| -> Option<()> {
            panic!("an item was read")
        });
        assert_eq!(list, None);
        assert_eq!(refused(fields), [("list".to_owned(), "invalid")]);
    }
}

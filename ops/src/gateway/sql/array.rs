//! Postgres' text format of arrays (PostgreSQL manual, "Array Input and Output Syntax").

use serde_json::Value;

/// An array that a parameter holds, as Postgres reads it.
pub(crate) fn to_postgres(items: &[Value]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| match item {
            Value::Null => "NULL".to_owned(),
            Value::Array(items) => to_postgres(items),
            Value::String(text) => quoted(text),
            Value::Object(_) => quoted(&item.to_string()),
            Value::Bool(_) | Value::Number(_) => item.to_string(),
        })
        .collect();
    format!("{{{}}}", items.join(","))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// An array that Postgres wrote, each element by `element`; `None` when it is no array in text format.
pub(crate) fn to_json(text: &str, element: &impl Fn(&str) -> Value) -> Option<Value> {
    // `[2:3]={1,2}`: the bounds are left out, as JSON has none.
    let text = match text.strip_prefix('[') {
        Some(rest) => rest.split_once('=')?.1,
        None => text,
    };
    let mut reader = Reader { rest: text };
    let array = reader.array(element)?;
    reader.rest.is_empty().then_some(array)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn eat(&mut self, expected: char) -> bool {
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn array(&mut self, element: &impl Fn(&str) -> Value) -> Option<Value> {
        let mut items = Vec::new();
        if !self.eat('{') {
            return None;
        }
        if self.eat('}') {
            return Some(Value::Array(items));
        }
        loop {
            items.push(if self.rest.starts_with('{') {
                self.array(element)?
            } else if self.eat('"') {
                element(&self.quoted()?)
            } else {
                match self.bare()? {
                    null if null.eq_ignore_ascii_case("null") => Value::Null,
                    text => element(text),
                }
            });
            if self.eat('}') {
                return Some(Value::Array(items));
            }
            if !self.eat(',') {
                return None;
            }
        }
    }

    fn bare(&mut self) -> Option<&str> {
        let (text, rest) = self.rest.split_at(self.rest.find([',', '}'])?);
        self.rest = rest;
        Some(text)
    }

    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut characters = self.rest.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => text.push(characters.next()?),
                other => text.push(other),
            }
        }
        self.rest = characters.as_str();
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(text: &str) -> Option<Value> {
        to_json(text, &|element| Value::from(element))
    }

    #[test]
    fn arrays_are_read_as_postgres_writes_them() {
        assert_eq!(texts("{}").unwrap(), json!([]));
        assert_eq!(
            texts(r#"{a,NULL,"NULL","b, {c}","q\"\\"}"#).unwrap(),
            json!(["a", null, "NULL", "b, {c}", "q\"\\"])
        );
        assert_eq!(texts("{{1,2},{3,4}}").unwrap(), json!([["1", "2"], ["3", "4"]]));
        assert_eq!(texts("[0:1]={7,8}").unwrap(), json!(["7", "8"]));
        for broken in ["", "{", "{a", "{\"a}", "{a}b", "a", "{a{b}}"] {
            assert!(texts(broken).is_none(), "{broken}");
        }
    }

    #[test]
    fn arrays_are_written_as_postgres_reads_them() {
        let array = json!(["a\"b", "c\\", null, 1, true, [2], {"k": "v"}, ""]);
        assert_eq!(
            to_postgres(array.as_array().unwrap()),
            r#"{"a\"b","c\\",NULL,1,true,{2},"{\"k\":\"v\"}",""}"#
        );
    }
}

//! Lists page by page: `limit` and `cursor` of a query, and the page that is answered.
//!
//! A cursor is where the last item stood in the order of the list (its keyset), in base64url. It gives no right: what a
//! list holds is decided anew for each page.

use base64ct::{Base64UrlUnpadded, Encoding};
use doorward_core::error::FieldProblem;
use http::StatusCode;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::extract::Fields;
use crate::reply::Reply;

/// How many items a page has unless the query says so.
const DEFAULT_LIMIT: usize = 20;
/// The most that it may say.
const MAX_LIMIT: usize = 100;

impl Fields {
    /// `limit`: 1 to 100.
    pub(crate) fn limit(&mut self) -> usize {
        let Some(text) = self.optional_text("limit") else {
            return DEFAULT_LIMIT;
        };
        match text.parse() {
            // `+5` is a number to Rust.
            Ok(limit) if (1..=MAX_LIMIT).contains(&limit) && !text.starts_with('+') => limit,
            _ => self.problem("limit", &FieldProblem::Invalid).unwrap_or(DEFAULT_LIMIT),
        }
    }

    /// `cursor`: what [`Page::new`] was given, read by `parse`.
    pub(crate) fn cursor<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.optional_text("cursor")?;
        let key = opened(&text);
        match key.as_deref().and_then(parse) {
            Some(key) => Some(key),
            None => self.problem("cursor", &FieldProblem::Invalid),
        }
    }
}

fn opened(cursor: &str) -> Option<String> {
    String::from_utf8(Base64UrlUnpadded::decode_vec(cursor).ok()?).ok()
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    name: &'static str,
    items: Vec<T>,
    next: Option<String>,
}

impl<T: Serialize> Page<T> {
    /// Of up to `limit + 1` items that were read, the first `limit`; where there are more, with the cursor that leads
    /// behind the last of them, whose place in the order is `key`.
    pub(crate) fn new(name: &'static str, mut items: Vec<T>, limit: usize, key: impl FnOnce(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(key);
        Self {
            name,
            items,
            next: next.map(|key| Base64UrlUnpadded::encode_string(key.as_bytes())),
        }
    }

    /// 200 `{<name>: [...], nextCursor}`.
    pub(crate) fn reply(&self) -> Reply {
        Reply::json(StatusCode::OK, self)
    }
}

impl<T: Serialize> Serialize for Page<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(self.name, &self.items)?;
        map.serialize_entry("nextCursor", &self.next)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;

    fn query(text: &str) -> Fields {
        Fields::query(&format!("/list?{text}").parse().unwrap())
    }

    fn refused(fields: Fields) -> String {
        match fields.finish() {
            Err(Failure::Rejected(rejection)) => rejection.fields[0].path.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_limit_is_a_number_from_1_to_100() {
        for (text, limit) in [("", 20), ("limit=1", 1), ("limit=100", 100), ("limit=007", 7)] {
            let mut fields = query(text);
            assert_eq!(fields.limit(), limit, "{text}");
            assert!(fields.finish().is_ok());
        }
        for text in [
            "",
            "0",
            "101",
            "-1",
            "%2B5",
            "1.5",
            "1e1",
            "x",
            "%31x",
            "99999999999999999999999",
        ] {
            let mut fields = query(&format!("limit={text}"));
            fields.limit();
            assert_eq!(refused(fields), "limit", "{text}");
        }
    }

    #[test]
    fn pages_follow_each_other() {
        let page = |items: &[u32], limit| Page::new("numbers", items.to_vec(), limit, ToString::to_string);
        let last = serde_json::to_value(page(&[7, 8], 2)).unwrap();
        assert_eq!(last, serde_json::json!({"numbers": [7, 8], "nextCursor": null}));
        let first = serde_json::to_value(page(&[7, 8, 9], 2)).unwrap();
        assert_eq!(first["numbers"], serde_json::json!([7, 8]));
        let mut fields = query(&format!("cursor={}", first["nextCursor"].as_str().unwrap()));
        assert_eq!(fields.cursor(|text| text.parse::<u32>().ok()), Some(8));
        assert!(fields.finish().is_ok());
        assert_eq!(page(&[], 1).next, None);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["x", "%3D", "OA%3D%3D", "_____w", "eA", "8"] {
            let mut fields = query(&format!("cursor={text}"));
            assert_eq!(fields.cursor(|text| text.parse::<u32>().ok()), None);
            assert_eq!(refused(fields), "cursor", "{text}");
        }
        assert_eq!(query("").cursor(|_| Some(1)), None);
    }
}

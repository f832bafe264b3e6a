//! Lines of Postgres' COPY in text format (the manual of COPY, "Text Format").

use std::fmt::Write as _;

/// Writes the values of one line, in the order of the columns.
pub(super) struct Line<'a> {
    buffer: &'a mut String,
    begun: bool,
}

impl<'a> Line<'a> {
    /// A line at the end of this.
    pub(super) fn new(buffer: &'a mut String) -> Self {
        Self { buffer, begun: false }
    }

    fn separate(&mut self) {
        if self.begun {
            self.buffer.push('\t');
        }
        self.begun = true;
    }

    /// A text or NULL. A zero character, which Postgres doesn't take, is left out.
    pub(super) fn text(&mut self, value: Option<&str>) -> &mut Self {
        self.separate();
        let Some(value) = value else {
            self.buffer.push_str("\\N");
            return self;
        };
        if !value.bytes().any(|byte| byte < b' ' || byte == b'\\') {
            self.buffer.push_str(value);
            return self;
        }
        for character in value.chars() {
            match character {
                '\\' => self.buffer.push_str("\\\\"),
                '\n' => self.buffer.push_str("\\n"),
                '\r' => self.buffer.push_str("\\r"),
                '\t' => self.buffer.push_str("\\t"),
                '\0' => {}
                other => self.buffer.push(other),
            }
        }
        self
    }

    /// What shows itself as a text that needs no escapes, or NULL.
    pub(super) fn plain(&mut self, value: Option<impl std::fmt::Display>) -> &mut Self {
        self.separate();
        match value {
            Some(value) => {
                let _ = write!(self.buffer, "{value}");
            }
            None => self.buffer.push_str("\\N"),
        }
        self
    }

    /// Ends the line.
    pub(super) fn end(&mut self) {
        self.buffer.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_copy_would_read_otherwise() {
        let mut buffer = String::new();
        let mut line = Line::new(&mut buffer);
        line.text(Some("a\tb\\N\r\nc\0d"))
            .text(None)
            .text(Some(""))
            .plain(Some(7))
            .plain(None::<u8>)
            .text(Some("é"))
            .end();
        assert_eq!(buffer, "a\\tb\\\\N\\r\\ncd\t\\N\t\t7\t\\N\té\n");
    }
}

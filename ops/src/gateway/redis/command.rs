//! One Redis command as it comes in, and which commands may not.

use std::fmt;

use serde_json::Value;

/// A command's name and arguments, as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command(Vec<Vec<u8>>);

/// Why a request isn't a command, as a sentence after `ERR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParseError {
    /// Not JSON, or not of the shape that the endpoint takes.
    Shape(&'static str),
    /// No name, or no commands.
    Empty,
    /// An argument that is neither text nor number.
    Argument,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(what) => write!(f, "failed to parse the request: {what}"),
            Self::Empty => f.write_str("empty command"),
            Self::Argument => {
                f.write_str("failed to parse the request: an argument is a string, a number or a boolean")
            }
        }
    }
}

/// Refused whatever the token: they would wait for ever on the connection that everybody shares, change its state for
/// everybody, or reach beyond the data (other hosts, files, the server's process).
const REFUSED: &[&str] = &[
    // They wait, or turn the connection into a stream.
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BLMOVE",
    "BLMPOP",
    "BZPOPMIN",
    "BZPOPMAX",
    "BZMPOP",
    "WAIT",
    "WAITAOF",
    "SUBSCRIBE",
    "PSUBSCRIBE",
    "SSUBSCRIBE",
    "UNSUBSCRIBE",
    "PUNSUBSCRIBE",
    "SUNSUBSCRIBE",
    "MONITOR",
    "SYNC",
    "PSYNC",
    // They change the connection.
    "MULTI",
    "EXEC",
    "DISCARD",
    "WATCH",
    "UNWATCH",
    "SELECT",
    "AUTH",
    "HELLO",
    "RESET",
    "QUIT",
    "CLIENT",
    "ASKING",
    "READONLY",
    "READWRITE",
    // They reach beyond the data.
    "SHUTDOWN",
    "DEBUG",
    "CONFIG",
    "MODULE",
    "MIGRATE",
    "REPLICAOF",
    "SLAVEOF",
    "REPLCONF",
    "FAILOVER",
    "CLUSTER",
    "ACL",
    "SAVE",
    "BGSAVE",
    "BGREWRITEAOF",
];

impl Command {
    /// `["SET", "key", "value", "EX", 100]`.
    ///
    /// # Errors
    /// See [`ParseError`].
    pub(crate) fn parse(json: &[u8]) -> Result<Self, ParseError> {
        let arguments: Vec<Value> =
            serde_json::from_slice(json).map_err(|_| ParseError::Shape("a command is an array"))?;
        Self::from_values(arguments)
    }

    /// `[["SET", "key", "value"], ["GET", "key"]]`.
    ///
    /// # Errors
    /// See [`ParseError`].
    pub(crate) fn parse_many(json: &[u8]) -> Result<Vec<Self>, ParseError> {
        let commands: Vec<Vec<Value>> =
            serde_json::from_slice(json).map_err(|_| ParseError::Shape("commands are an array of arrays"))?;
        if commands.is_empty() {
            return Err(ParseError::Empty);
        }
        commands.into_iter().map(Self::from_values).collect()
    }

    /// `/SET/key/value?EX=100`; a body is the last argument of the path, before those of the query.
    ///
    /// # Errors
    /// See [`ParseError`].
    pub(crate) fn from_path(path: &str, query: &str, body: &[u8]) -> Result<Self, ParseError> {
        let mut arguments: Vec<Vec<u8>> = path
            .trim_start_matches('/')
            .split('/')
            .map(|segment| percent_decoded(segment, false))
            .collect();
        if !body.is_empty() {
            arguments.push(body.to_vec());
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            arguments.push(percent_decoded(name, true));
            if !value.is_empty() {
                arguments.push(percent_decoded(value, true));
            }
        }
        if arguments.first().is_none_or(Vec::is_empty) {
            return Err(ParseError::Empty);
        }
        Ok(Self(arguments))
    }

    fn from_values(values: Vec<Value>) -> Result<Self, ParseError> {
        let arguments = values
            .into_iter()
            .map(|value| match value {
                Value::String(text) => Ok(text.into_bytes()),
                Value::Number(number) => Ok(number.to_string().into_bytes()),
                Value::Bool(value) => Ok(value.to_string().into_bytes()),
                _ => Err(ParseError::Argument),
            })
            .collect::<Result<Vec<_>, _>>()?;
        if arguments.first().is_none_or(Vec::is_empty) {
            return Err(ParseError::Empty);
        }
        Ok(Self(arguments))
    }

    /// The command, ready to be sent, if it is one that may be.
    ///
    /// # Errors
    /// The text of an error reply.
    pub(crate) fn permitted(self) -> Result<redis::Cmd, String> {
        let name = self
            .0
            .first()
            .map(|name| String::from_utf8_lossy(name))
            .unwrap_or_default()
            .to_ascii_uppercase();
        let waits = matches!(name.as_str(), "XREAD" | "XREADGROUP")
            && self
                .0
                .iter()
                .take_while(|argument| !argument.eq_ignore_ascii_case(b"STREAMS"))
                .any(|argument| argument.eq_ignore_ascii_case(b"BLOCK"));
        let debugs = name == "SCRIPT" && self.0.get(1).is_some_and(|word| word.eq_ignore_ascii_case(b"DEBUG"));
        if waits || debugs || REFUSED.contains(&name.as_str()) {
            return Err(format!("ERR Command is not available: '{name}'"));
        }
        let mut command = redis::Cmd::new();
        for argument in &self.0 {
            command.arg(argument.as_slice());
        }
        Ok(command)
    }
}

/// RFC 3986 percent-decoding; a `%` that begins no escape stays as it is. In a query a `+` is a space.
fn percent_decoded(text: &str, plus_is_space: bool) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        let escaped = match tail {
            [high, low, after @ ..] if first == b'%' => hex(*high).zip(hex(*low)).map(|pair| (pair, after)),
            _ => None,
        };
        match escaped {
            Some(((high, low), after)) => {
                decoded.push(high << 4 | low);
                rest = after;
            }
            None if first == b'+' && plus_is_space => decoded.push(b' '),
            None => decoded.push(first),
        }
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &Command) -> Vec<String> {
        command
            .0
            .iter()
            .map(|word| String::from_utf8(word.clone()).unwrap())
            .collect()
    }

    #[test]
    fn arguments_are_texts_numbers_and_booleans() {
        let command = Command::parse(br#"["SET", "k\u0000", 100, 1.5, true, "\ud83d\ude00"]"#).unwrap();
        assert_eq!(words(&command), ["SET", "k\0", "100", "1.5", "true", "😀"]);
        assert_eq!(Command::parse(br#"["SET", null]"#), Err(ParseError::Argument));
        assert_eq!(Command::parse(br#"["SET", ["k"]]"#), Err(ParseError::Argument));
        assert_eq!(Command::parse(b"[]"), Err(ParseError::Empty));
        assert_eq!(Command::parse(br#"[""]"#), Err(ParseError::Empty));
        assert!(matches!(Command::parse(br#"{"a": 1}"#), Err(ParseError::Shape(_))));
        assert!(matches!(
            Command::parse_many(br#"["GET", "k"]"#),
            Err(ParseError::Shape(_))
        ));
        assert_eq!(Command::parse_many(b"[]"), Err(ParseError::Empty));
    }

    #[test]
    fn a_path_is_a_command() {
        let command = Command::from_path("/set/a%20b/c+d%2", "EX=100&NX", b"").unwrap();
        assert_eq!(words(&command), ["set", "a b", "c+d%2", "EX", "100", "NX"]);
        assert_eq!(
            words(&Command::from_path("/set/a", "EX=1", b"body").unwrap()),
            ["set", "a", "body", "EX", "1"]
        );
        assert_eq!(Command::from_path("/", "", b""), Err(ParseError::Empty));
    }

    #[test]
    fn what_waits_or_reaches_beyond_the_data_is_refused() {
        let refused = |json: &str| Command::parse(json.as_bytes()).unwrap().permitted().is_err();
        for name in REFUSED {
            assert!(refused(&format!(r#"["{}", "x"]"#, name.to_ascii_lowercase())), "{name}");
        }
        assert!(refused(r#"["XREAD", "block", 0, "STREAMS", "s", "0"]"#));
        assert!(refused(r#"["script", "debug", "yes"]"#));
        assert!(!refused(r#"["XREAD", "STREAMS", "block", "0"]"#));
        assert!(!refused(r#"["SCRIPT", "LOAD", "return 1"]"#));
        assert!(!refused(r#"["EVAL", "return 1", 0]"#));
    }
}

//! Enough of SQL's lexical structure (PostgreSQL manual, section 4.1) to tell statements, words and comments apart.

/// A statement.
#[derive(Debug, Default)]
pub(super) struct Statement {
    /// The line of its first word.
    pub(super) line: usize,
    /// Its words in capitals, and its parentheses and commas. A literal is one word, `''`.
    pub(super) words: Vec<String>,
    /// The words of what a DO runs.
    pub(super) blocks: Vec<Vec<String>>,
    /// What the comments before and in it allow.
    pub(super) allowed: Vec<Allowed>,
}

/// `-- lint: allow RULE because REASON`
#[derive(Debug)]
pub(super) struct Allowed {
    /// Where it stands.
    pub(super) line: usize,
    pub(super) rule: String,
    /// May be empty.
    pub(super) reason: String,
}

/// The statements of a file. Comments after the last one make a statement without words.
pub(super) fn statements(sql: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut statement = Statement::default();
    let (mut rest, mut line) = (sql, 1);
    while let Some(first) = rest.chars().next() {
        let (token, length) = token(rest, first);
        let text = &rest[..length];
        match token {
            Token::Comment => statement.allowed.extend(allowed(text, line)),
            Token::End => statements.push(std::mem::take(&mut statement)),
            Token::Body(body) if statement.words.first().is_some_and(|word| word == "DO") => {
                let words = self::statements(body).into_iter();
                let words = words.flat_map(|one| one.words.into_iter().chain([";".to_owned()]));
                statement.blocks.push(words.collect());
            }
            Token::Body(_) | Token::Literal => push(&mut statement, line, "''".to_owned()),
            Token::Word => push(&mut statement, line, text.to_uppercase()),
            Token::Nothing => {}
        }
        line += text.matches('\n').count();
        rest = &rest[length..];
    }
    if !statement.words.is_empty() || !statement.allowed.is_empty() {
        statement.line = if statement.line == 0 { line } else { statement.line };
        statements.push(statement);
    }
    statements
}

fn push(statement: &mut Statement, line: usize, word: String) {
    if statement.words.is_empty() {
        statement.line = line;
    }
    statement.words.push(word);
}

/// The SQL statements in the words of a PL/pgSQL block: what follows its own words.
pub(super) fn within(block: &[String]) -> Vec<&[String]> {
    const VERBS: [&str; 10] = [
        "ALTER", "CREATE", "DELETE", "DROP", "EXECUTE", "LOCK", "TRUNCATE", "UPDATE", "WITH", "REINDEX",
    ];
    const BEFORE: [&str; 4] = ["BEGIN", "THEN", "ELSE", "LOOP"];
    let pieces = block.split(|word| word == ";");
    pieces
        .flat_map(|piece| {
            let starts = move |at: &usize| {
                let free = *at == 0 || BEFORE.contains(&piece[*at - 1].as_str());
                free && VERBS.contains(&piece[*at].as_str())
            };
            (0..piece.len()).filter(starts).map(move |at| &piece[at..])
        })
        .collect()
}

enum Token<'a> {
    Word,
    Literal,
    /// What stands between two equal dollar quotes.
    Body(&'a str),
    Comment,
    End,
    Nothing,
}

/// The token that the text begins with, and its length in bytes.
fn token(text: &str, first: char) -> (Token<'_>, usize) {
    let is_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.' | '$');
    let until = |end: &str, from: usize| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    match first {
        ';' => (Token::End, 1),
        '(' | ')' | ',' => (Token::Word, 1),
        '-' if text.starts_with("--") => (Token::Comment, text.find('\n').unwrap_or(text.len())),
        '/' if text.starts_with("/*") => (Token::Comment, comment(text)),
        '\'' => (Token::Literal, literal(text, 0, false)),
        'e' | 'E' if text[1..].starts_with('\'') => (Token::Literal, literal(text, 1, true)),
        '"' => {
            // A name with dots and more: up to where it is neither quoted nor a word's.
            let mut quoted = false;
            let end = text.char_indices().find(|(_, character)| {
                quoted ^= *character == '"';
                !quoted && *character != '"' && !is_word(*character)
            });
            (Token::Word, end.map_or(text.len(), |(at, _)| at))
        }
        '$' => {
            let tag = text[1..].find('$').map_or("", |at| &text[..at + 2]);
            if tag.is_empty() || tag[1..tag.len() - 1].contains(|character| !is_word(character)) {
                return (Token::Nothing, 1);
            }
            let end = until(tag, tag.len());
            let body = text[tag.len()..end].strip_suffix(tag).unwrap_or_default();
            (Token::Body(body), end)
        }
        _ if is_word(first) => {
            let end = text.find(|character| !is_word(character) && character != '"');
            (Token::Word, end.unwrap_or(text.len()))
        }
        _ => (Token::Nothing, first.len_utf8()),
    }
}

/// The length of a literal whose quote stands at `quote`; a quote in it is doubled, or escaped where that counts.
fn literal(text: &str, quote: usize, escapes: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = quote + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// The length of a comment that others may stand in.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

fn allowed(comment: &str, line: usize) -> Option<Allowed> {
    let text = comment.strip_prefix("--")?.trim().strip_prefix("lint:")?.trim();
    let text = text.strip_prefix("allow")?.trim();
    let (rule, reason) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let reason = reason.trim().strip_prefix("because").unwrap_or_default().trim();
    Some(Allowed {
        line,
        rule: rule.to_owned(),
        reason: reason.to_owned(),
    })
}

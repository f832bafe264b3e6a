//! Rows for a person at a terminal: aligned columns, and nothing in them that a terminal would obey.

/// Lays rows out under their heads. A row that is shorter than the heads leaves the rest empty.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|value| harmless(value)).collect())
        .collect();
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(at, head)| {
            let values = rows.iter().filter_map(|row| row.get(at));
            values
                .map(|value| value.chars().count())
                .fold(head.chars().count(), usize::max)
        })
        .collect();
    let heads: Vec<String> = heads.iter().map(|head| head.to_uppercase()).collect();
    let lines: Vec<String> = std::iter::once(&heads)
        .chain(&rows)
        .map(|row| {
            let cells = row.iter().zip(&widths);
            let line: Vec<String> = cells.map(|(value, width)| format!("{value:<width$}")).collect();
            line.join("  ").trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

/// A value on one line: names and user agents come from outside, and an escape sequence could rewrite the screen.
pub(crate) fn harmless(value: &str) -> String {
    let turns = |character: char| matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    value
        .chars()
        .map(|character| {
            if character.is_control() || turns(character) {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_value() {
        let rows = [vec!["Renée".to_owned(), "x".to_owned()], vec!["李".to_owned()]];
        assert_eq!(table(&["name", "of"], &rows), "NAME   OF\nRenée  x\n李");
    }

    #[test]
    fn a_terminal_is_told_nothing() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc\u{202e}d"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
    }
}

//! Style sheets and scripts without what only people read.

/// Without indentation, empty lines, and comments that have lines to themselves.
pub(crate) fn lean(text: &str) -> String {
    let mut lean = String::new();
    let mut in_comment = false;
    for line in text.lines().map(str::trim) {
        in_comment |= line.starts_with("/*");
        if !in_comment && !line.is_empty() && !line.starts_with("//") {
            lean.push_str(line);
            lean.push('\n');
        }
        if in_comment && line.ends_with("*/") {
            in_comment = false;
        }
    }
    lean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_read_stays() {
        let text = "/* One\n * two */\n\na {\n  b: c; /* d */\n}\n/* e */\n// f\n  let g = 'http://h'; // i\n";
        assert_eq!(lean(text), "a {\nb: c; /* d */\n}\nlet g = 'http://h'; // i\n");
    }
}

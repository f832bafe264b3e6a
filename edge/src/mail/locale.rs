//! The languages that mail is written in, and the choice among them.

use std::fmt;

/// Declares the languages once: variant, code, and the order in which they are preferred, all else being equal.
macro_rules! locales {
    ($($(#[$meta:meta])* $name:ident = $code:literal,)+) => {
        /// A language that mail is written in.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub enum Locale {
            $($(#[$meta])* $name,)+
        }

        impl Locale {
            /// All of them; the first is the one for people who understand none.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The primary language subtag (RFC 5646, section 2.2.1), in lower case.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

locales! {
    /// English.
    #[default]
    En = "en",
    /// German.
    De = "de",
}

impl Locale {
    /// Reads a language tag by its primary subtag, whatever its case: `de`, `de-AT` and `de_AT` are German.
    pub fn parse(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next()?;
        let is_it = |locale: &Self| locale.as_str().eq_ignore_ascii_case(primary);
        Self::ALL.iter().copied().find(is_it)
    }

    /// The language that an `Accept-Language` header likes best (RFC 9110, section 12.5.4); English where it likes none
    /// of ours. Of two that it likes alike, the one that it names first.
    pub fn from_accept_language(header: &str) -> Self {
        let mut named: Vec<(Self, u16)> = Vec::new();
        let mut rest = 0;
        for (range, quality) in header.split(',').filter_map(range) {
            if range == "*" {
                rest = quality;
            } else if let Some(locale) = Self::parse(range) {
                match named.iter_mut().find(|(other, _)| *other == locale) {
                    // Of `de-AT` and `de`, both of which are our `de`, the better one counts.
                    Some((_, before)) => *before = quality.max(*before),
                    None => named.push((locale, quality)),
                }
            }
        }
        let unnamed = Self::ALL
            .iter()
            .filter(|locale| !named.iter().any(|(other, _)| other == *locale));
        let unnamed: Vec<_> = unnamed.map(|locale| (*locale, rest)).collect();
        let mut best = (Self::default(), 0);
        for (locale, quality) in named.into_iter().chain(unnamed) {
            if quality > best.1 {
                best = (locale, quality);
            }
        }
        best.0
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A language range with its quality in thousandths; none where either can't be understood.
fn range(item: &str) -> Option<(&str, u16)> {
    let mut parts = item.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?;
    let quality = match parts.next() {
        None => 1000,
        Some(weight) => {
            let (name, value) = weight.split_once('=')?;
            if !name.trim().eq_ignore_ascii_case("q") {
                return None;
            }
            thousandths(value.trim())?
        }
    };
    Some((range, quality))
}

/// A weight (RFC 9110, section 12.4.2): 0 to 1 with at most three digits behind the point.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_by_its_primary_subtag() {
        for tag in ["de", "DE", "de-AT", "de_CH", "de-Latn-DE-1996", " de "] {
            assert_eq!(Locale::parse(tag), Some(Locale::De), "{tag}");
        }
        for tag in ["", "d", "deu", "den", "x-de", "-de"] {
            assert_eq!(Locale::parse(tag), None, "{tag}");
        }
        for locale in Locale::ALL {
            assert_eq!(Locale::parse(locale.as_str()), Some(*locale));
        }
    }

    #[test]
    fn the_header_is_weighed() {
        for (header, expected) in [
            ("", Locale::En),
            ("fr", Locale::En),
            ("de", Locale::De),
            ("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", Locale::De),
            ("en-US,en;q=0.9,de;q=0.8", Locale::En),
            ("fr, de;q=0.5, en;q=0.4", Locale::De),
            ("en;q=0.4,de;q=0.5", Locale::De),
            ("en;q=0.5,de;q=0.5", Locale::En),
            ("de;q=0.5,en;q=0.5", Locale::De),
            ("de-AT;q=0.2, en;q=0.5, de;q=0.7", Locale::De),
            ("DE ; Q=1.000", Locale::De),
            ("*", Locale::En),
            ("*, de;q=0.9", Locale::En),
            ("en;q=0, *", Locale::De),
            ("de;q=0", Locale::En),
            ("de;q=0.001", Locale::De),
            // What can't be understood doesn't count.
            ("de;q=2, en;q=0.1", Locale::En),
            ("de;q=0.1234, en;q=0.1", Locale::En),
            ("de;q=, en;q=0.1", Locale::En),
            ("de;level=1, en;q=0.1", Locale::En),
            (";;;,,,=,q=", Locale::En),
        ] {
            assert_eq!(Locale::from_accept_language(header), expected, "{header}");
        }
    }
}

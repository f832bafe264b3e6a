//! What makes the pages a deployment's own: a handful of CSS variables and a logo, from the configuration.

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderValue};

use crate::config::Brand;
use crate::reply::Reply;

/// `GET /assets/brand.css`: the configured variables. Kept for five minutes, because its address never changes.
pub(crate) fn stylesheet(brand: &Brand) -> Reply {
    let mut css = String::new();
    if let Some(light) = &brand.accent {
        css.push_str(&accent(light));
    }
    if let Some(dark) = brand.accent_dark.as_ref().or(brand.accent.as_ref()) {
        css.push_str("@media (prefers-color-scheme:dark){");
        css.push_str(&accent(dark));
        css.push('}');
    }
    Reply::text(StatusCode::OK, "text/css; charset=utf-8", Bytes::from(css))
        .with(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))
}

/// The accent, and what can be read on it.
fn accent(colour: &str) -> String {
    let ink = if is_light(colour) { "#10151d" } else { "#fff" };
    [":root{--accent:", colour, ";--on-accent:", ink, "}"].concat()
}

/// Whether black reads better than white on a colour `#rrggbb`: its relative luminance (WCAG 2.2) is over 0.179, where
/// both have the same contrast. With channels squared instead of raised to 2.4, which is near enough for that.
fn is_light(colour: &str) -> bool {
    let channel = |at: usize| {
        let digits = colour.get(at..at + 2).unwrap_or_default();
        u32::from_str_radix(digits, 16).unwrap_or_default()
    };
    let square = |value: u32| value * value;
    // 0.2126, 0.7152 and 0.0722 in ten-thousandths, over 255².
    let luminance = 2126 * square(channel(1)) + 7152 * square(channel(3)) + 722 * square(channel(5));
    luminance / (255 * 255) > 1790
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_or_white_is_written_on_the_accent() {
        for (colour, light) in [
            ("#000000", false),
            ("#ffffff", true),
            ("#2456a6", false),
            ("#ffd54f", true),
            ("#c2185b", false),
            ("#8fb6ff", true),
        ] {
            assert_eq!(is_light(colour), light, "{colour}");
        }
    }
}

//! Hexadecimal digits.

/// The two lower-case digits of a byte, in ASCII.
pub(crate) const fn hex_digits(byte: u8) -> [u8; 2] {
    const fn digit(nibble: u8) -> u8 {
        match nibble {
            0..=9 => b'0' + nibble,
            _ => b'a' + nibble - 10,
        }
    }
    [digit(byte >> 4), digit(byte & 0x0f)]
}

/// The value of a digit of either case.
pub(crate) const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_they_are_written() {
        for byte in 0..=u8::MAX {
            let [high, low] = hex_digits(byte);
            for digit in [high, low] {
                assert!(digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
            }
            assert_eq!(hex_digit(high).unwrap() << 4 | hex_digit(low).unwrap(), byte);
            assert_eq!(hex_digit(high.to_ascii_uppercase()), hex_digit(high));
        }
        for other in [b'g', b'G', b'/', b':', b'@', b'`', 0, 0xff] {
            assert_eq!(hex_digit(other), None);
        }
    }
}

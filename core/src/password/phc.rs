//! Argon2 (RFC 9106) and its PHC strings: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<output>`.
//!
//! The text is read here rather than by a library because what is read comes out of a database that others may have
//! filled (an import): every number has a cap before any memory is asked for.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64Unpadded, Encoding};
use doorward_argon2::{Algorithm, Argon2, Error, Memory, Version};
use zeroize::Zeroize;

use crate::secret::constant_time_eq;

/// Today's parameters: the first choice of the OWASP Password Storage Cheat Sheet, 19 MiB and two passes.
const TODAY: Cost = Cost {
    memory_kib: 19_456,
    passes: 2,
    lanes: 1,
};
/// Bytes of output of a new hash.
const OUTPUT_BYTES: usize = 32;

/// The most memory that a stored hash may ask for: 64 MiB, half of what a Worker has.
const MAX_MEMORY_KIB: u32 = 64 * 1024;
/// The most passes.
const MAX_PASSES: u32 = 10;
/// The most lanes. They run one after the other here.
const MAX_LANES: u32 = 4;
/// The most work, memory times passes: that of PHP's default (64 MiB, 4 passes), which imports bring along.
const MAX_WORK: u32 = 64 * 1024 * 4;

/// A PHC string that was made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhcHash(String);

impl PhcHash {
    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why nothing was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashError {
    /// The memory for it couldn't be had.
    OutOfMemory,
    /// Argon2 refused its input. A defect.
    Refused,
}

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfMemory => "no memory for a password hash",
            Self::Refused => "Argon2 refused its input",
        })
    }
}

impl core::error::Error for HashError {}

/// Argon2's memory: 19 MiB, asked for at the first use, kept for the next one and wiped in between.
///
/// A module's memory never shrinks on wasm, so an instance keeps one of these and lends it out.
#[derive(Default)]
pub struct Workspace {
    memory: Memory,
}

impl Workspace {
    /// One that holds no memory yet.
    pub const fn new() -> Self {
        Self { memory: Memory::new() }
    }

    /// Runs Argon2 in this memory, which is wiped afterwards.
    fn run(&mut self, argon2: &Argon2<'_>, password: &[u8], salt: &[u8], output: &mut [u8]) -> Result<(), HashError> {
        let done = self.memory.hash(argon2, password, salt, output);
        // What an imported hash needed above today's size isn't kept.
        if self.memory.kib() > TODAY.memory_kib as usize {
            self.memory = Memory::new();
        }
        done.map_err(|e| match e {
            Error::OutOfMemory => HashError::OutOfMemory,
            Error::Refused => HashError::Refused,
        })
    }
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Workspace({} KiB)", self.memory.kib())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    const fn argon2(self, algorithm: Algorithm, version: Version) -> Argon2<'static> {
        Argon2 {
            algorithm,
            version,
            memory_kib: self.memory_kib,
            passes: self.passes,
            lanes: self.lanes,
            secret: &[],
            data: &[],
        }
    }

    /// Within the caps and within what RFC 9106, section 3.1, allows.
    fn is_bearable(self) -> bool {
        (1..=MAX_LANES).contains(&self.lanes)
            && (1..=MAX_PASSES).contains(&self.passes)
            && (8 * self.lanes..=MAX_MEMORY_KIB).contains(&self.memory_kib)
            && self.memory_kib.saturating_mul(self.passes) <= MAX_WORK
    }
}

/// Hashes with today's parameters.
pub(super) fn hash(password: &[u8], salt: [u8; 16], workspace: &mut Workspace) -> Result<PhcHash, HashError> {
    let mut output = [0; OUTPUT_BYTES];
    let argon2 = TODAY.argon2(Algorithm::Argon2id, Version::V0x13);
    workspace.run(&argon2, password, &salt, &mut output)?;
    let Cost {
        memory_kib,
        passes,
        lanes,
    } = TODAY;
    let (salt, output) = (
        Base64Unpadded::encode_string(&salt),
        Base64Unpadded::encode_string(&output),
    );
    Ok(PhcHash(format!(
        "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${output}"
    )))
}

/// Does the work of a comparison with nothing to compare with.
pub(super) fn waste(password: &[u8], workspace: &mut Workspace) -> Result<(), HashError> {
    let nobody = Stored {
        algorithm: Algorithm::Argon2id,
        version: Version::V0x13,
        cost: TODAY,
        salt: Vec::from([0x5a; 16]),
        output: Vec::from([0; OUTPUT_BYTES]),
    };
    core::hint::black_box(nobody.matches(password, workspace)).map(|_| ())
}

/// A stored Argon2 hash, read and within the caps.
#[derive(Debug)]
pub(super) struct Stored {
    algorithm: Algorithm,
    version: Version,
    cost: Cost,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Stored {
    /// Reads a PHC string. `None` for one of another kind, a damaged one, and one that costs too much.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('$')?.split('$');
        let algorithm = match parts.next()? {
            "argon2id" => Algorithm::Argon2id,
            "argon2i" => Algorithm::Argon2i,
            "argon2d" => Algorithm::Argon2d,
            _ => return None,
        };
        let mut next = parts.next()?;
        // The version was added to the format later; a text without it is of the one before.
        let version = match next.strip_prefix("v=") {
            None => Version::V0x10,
            Some(version) => {
                next = parts.next()?;
                match version {
                    "16" => Version::V0x10,
                    "19" => Version::V0x13,
                    _ => return None,
                }
            }
        };
        let cost = parse_cost(next)?;
        let salt = decode(parts.next()?, 8..=64)?;
        let output = decode(parts.next()?, 16..=64)?;
        (parts.next().is_none() && cost.is_bearable()).then_some(Self {
            algorithm,
            version,
            cost,
            salt,
            output,
        })
    }

    /// Whether this is the hash of the password.
    pub(super) fn matches(&self, password: &[u8], workspace: &mut Workspace) -> Result<bool, HashError> {
        let mut output = [0; 64];
        let output = output.get_mut(..self.output.len()).ok_or(HashError::Refused)?;
        let argon2 = self.cost.argon2(self.algorithm, self.version);
        workspace.run(&argon2, password, &self.salt, output)?;
        let same = constant_time_eq(output, &self.output);
        output.zeroize();
        Ok(same)
    }

    /// Whether it was made with today's algorithm and parameters.
    pub(super) fn is_todays(&self) -> bool {
        self.algorithm == Algorithm::Argon2id
            && self.version == Version::V0x13
            && self.cost == TODAY
            && self.salt.len() >= 16
            && self.output.len() == OUTPUT_BYTES
    }
}

/// `m=19456,t=2,p=1`, in this order and with nothing else.
fn parse_cost(text: &str) -> Option<Cost> {
    let mut parts = text.split(',');
    let mut number = |name: &str| {
        let digits = parts.next()?.strip_prefix(name)?.strip_prefix('=')?;
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if plain { digits.parse().ok() } else { None }
    };
    let cost = Cost {
        memory_kib: number("m")?,
        passes: number("t")?,
        lanes: number("p")?,
    };
    parts.next().is_none().then_some(cost)
}

fn decode(text: &str, bytes: core::ops::RangeInclusive<usize>) -> Option<Vec<u8>> {
    // 64 bytes take 86 characters.
    if text.len() > 86 {
        return None;
    }
    Base64Unpadded::decode_vec(text)
        .ok()
        .filter(|decoded| bytes.contains(&decoded.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_wiped_and_kept_only_up_to_todays_size() {
        let mut workspace = Workspace::new();
        hash(b"password", [0; 16], &mut workspace).unwrap();
        assert_eq!(workspace.memory.kib(), 19_456);
        assert!(workspace.memory.is_wiped());
        let big = Stored::parse("$argon2id$v=19$m=20000,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA").unwrap();
        assert_eq!(big.matches(b"password", &mut workspace), Ok(false));
        assert_eq!(workspace.memory.kib(), 0);
    }

    #[test]
    fn a_used_workspace_gives_the_same_hash() {
        let mut used = Workspace::new();
        let small = Stored::parse("$argon2i$v=19$m=64,t=1,p=4$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA").unwrap();
        assert_eq!(small.matches(b"first", &mut used), Ok(false));
        let first = hash(b"password", [9; 16], &mut used).unwrap();
        assert_eq!(small.matches(b"first", &mut used), Ok(false));
        assert_eq!(hash(b"password", [9; 16], &mut used).unwrap(), first);
        assert_eq!(hash(b"password", [9; 16], &mut Workspace::new()).unwrap(), first);
        assert_ne!(hash(b"password", [8; 16], &mut used).unwrap(), first);
    }

    #[test]
    fn knows_what_is_todays() {
        let hash = hash(b"password", [0; 16], &mut Workspace::new()).unwrap();
        assert!(Stored::parse(hash.as_str()).unwrap().is_todays());
        for (from, to) in [
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("v=19$", ""),
            ("t=2", "t=3"),
            ("m=19456", "m=19457"),
        ] {
            let other = hash.as_str().replacen(from, to, 1);
            assert!(!Stored::parse(&other).unwrap().is_todays(), "{other}");
        }
    }

    #[test]
    fn refuses_what_is_damaged_or_costs_too_much() {
        let good = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";
        assert!(Stored::parse(good).is_some());
        for bearable in ["m=65536,t=4,p=4", "m=26214,t=10,p=1", "m=8,t=1,p=1"] {
            assert!(
                Stored::parse(&good.replace("m=19456,t=2,p=1", bearable)).is_some(),
                "{bearable}"
            );
        }
        for cost in [
            "m=65537,t=1,p=1",
            "m=65536,t=5,p=1",
            "m=19456,t=11,p=1",
            "m=19456,t=2,p=5",
            "m=19456,t=0,p=1",
            "m=19456,t=2,p=0",
            "m=7,t=1,p=1",
            "m=31,t=1,p=4",
            "m=4294967295,t=4294967295,p=1",
            "m=4294967296,t=1,p=1",
            "m=+9,t=2,p=1",
            "m=,t=2,p=1",
            "m=19456,t=2",
            "t=2,m=19456,p=1",
            "m=19456,t=2,p=1,keyid=AA",
            "",
        ] {
            assert!(
                Stored::parse(&good.replace("m=19456,t=2,p=1", cost)).is_none(),
                "{cost}"
            );
        }
        for (from, to) in [
            ("$argon2id", "argon2id"),
            ("argon2id", "argon2"),
            ("v=19", "v=20"),
            ("c2FsdHNhbHQ", "c2FsdHNhbA"),
            ("c2FsdHNhbHQ", "c2FsdHNhbHR"),
            ("c2FsdHNhbHQ", "c2FsdHNhbHQ="),
            ("AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAA"),
            ("AAAAAAAAAAAAAAAAAAAAAA", ""),
            ("AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA$"),
        ] {
            assert!(Stored::parse(&good.replace(from, to)).is_none(), "{from} -> {to}");
        }
    }

    #[test]
    fn no_damage_makes_a_hash_unbearable() {
        let good = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";
        for at in 0..good.len() {
            for byte in 0..128 {
                let mut damaged = good.as_bytes().to_vec();
                damaged[at] = byte;
                let longer = [&good[..at], &good[at..=at].repeat(9), &good[at + 1..]].concat();
                for text in [String::from_utf8(damaged).unwrap(), good[..at].into(), longer] {
                    if let Some(stored) = Stored::parse(&text) {
                        assert!(stored.cost.is_bearable(), "{text}");
                        assert!(
                            (8..=64).contains(&stored.salt.len()) && (16..=64).contains(&stored.output.len()),
                            "{text}"
                        );
                    }
                }
            }
        }
    }
}

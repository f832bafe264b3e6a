//! Argon2 (RFC 9106), versions 1.0 and 1.3, in memory that is kept between uses and wiped after each.
//!
//! Natively the crate `argon2` does it, with AVX2 where there is AVX2. On WebAssembly that crate computes with scalars and
//! copies each block several times; there the filling of the memory is our own, with 128-bit instructions
//! (`docs/adr/0012-our-own-argon2-filling.md`). A package of its own because it is compiled for speed, and what is around it
//! for size.
//!
//! | what | where |
//! |---|---|
//! | natively | `native` |
//! | on wasm: inputs, order of the blocks, output | `wasm`, `wasm/blake` |
//! | on wasm: one block out of two, the hot loop | `wasm/block` |

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

extern crate alloc;

use alloc::vec::Vec;
use core::fmt;

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(not(target_family = "wasm"))]
use native::{Block, ZERO, fill, is_zero, wipe};
#[cfg(target_family = "wasm")]
mod wasm;
#[cfg(target_family = "wasm")]
use wasm::{Block, ZERO, fill, is_zero, wipe};

/// How the blocks that are mixed are chosen (RFC 9106, section 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// By what was computed so far.
    Argon2d = 0,
    /// By their number alone, so that the order of accesses tells nothing.
    Argon2i = 1,
    /// Like Argon2i for the first half of the first pass, then like Argon2d.
    Argon2id = 2,
}

/// The version (RFC 9106, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 1.0, whose later passes replace a block.
    V0x10 = 0x10,
    /// 1.3, whose later passes are added to it.
    V0x13 = 0x13,
}

/// What Argon2 is told beside the password and the salt.
#[derive(Debug, Clone, Copy)]
pub struct Argon2<'a> {
    /// How blocks are chosen.
    pub algorithm: Algorithm,
    /// The version.
    pub version: Version,
    /// Memory in KiB, at least 8 a lane.
    pub memory_kib: u32,
    /// Passes over the memory, at least 1.
    pub passes: u32,
    /// Lanes, 1 to 2^24 - 1. They are filled one after the other.
    pub lanes: u32,
    /// The secret `K`, empty for none.
    pub secret: &'a [u8],
    /// The associated data `X`, at most 32 bytes.
    pub data: &'a [u8],
}

/// Why nothing was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The memory for it couldn't be had.
    OutOfMemory,
    /// A number or a length is outside what Argon2 allows.
    Refused,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfMemory => "no memory for Argon2",
            Self::Refused => "a parameter that Argon2 doesn't allow",
        })
    }
}

impl core::error::Error for Error {}

/// Bytes of associated data that the native implementation takes.
const MAX_DATA: usize = 32;

impl Argon2<'_> {
    /// Blocks of memory: as told, down to the next multiple of 4 a lane (RFC 9106, section 3.2).
    pub const fn blocks(&self) -> usize {
        let four = self.lanes.saturating_mul(4);
        if four == 0 {
            return 0;
        }
        (self.memory_kib / four * four) as usize
    }

    fn allows(&self, password: &[u8], salt: &[u8], output: &[u8]) -> bool {
        (1..1 << 24).contains(&self.lanes)
            && self.passes >= 1
            && self.memory_kib >= self.lanes.saturating_mul(8)
            && salt.len() >= 8
            && output.len() >= 4
            && self.data.len() <= MAX_DATA
            && [password, salt, self.secret, output]
                .iter()
                .all(|bytes| u32::try_from(bytes.len()).is_ok())
    }
}

/// Memory for Argon2. It grows to what a use needs, and between uses it is zero.
#[derive(Default)]
pub struct Memory {
    blocks: Vec<Block>,
}

impl Memory {
    /// None yet.
    pub const fn new() -> Self {
        Self { blocks: Vec::new() }
    }

    /// Its size in KiB.
    pub const fn kib(&self) -> usize {
        self.blocks.len()
    }

    /// Whether every byte is zero.
    pub fn is_wiped(&self) -> bool {
        self.blocks.iter().all(is_zero)
    }

    /// Hashes a password (0 to 2^32 - 1 bytes) with a salt (at least 8) into all of `output` (at least 4).
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] when the memory can't grow, [`Error::Refused`] for what RFC 9106, section 3.1, forbids.
    pub fn hash(&mut self, how: &Argon2<'_>, password: &[u8], salt: &[u8], output: &mut [u8]) -> Result<(), Error> {
        if !how.allows(password, salt, output) {
            return Err(Error::Refused);
        }
        let needed = how.blocks();
        if let Some(missing) = needed.checked_sub(self.blocks.len()) {
            self.blocks.try_reserve_exact(missing).map_err(|_| Error::OutOfMemory)?;
            self.blocks.resize(needed, ZERO);
        }
        let blocks = self.blocks.get_mut(..needed).ok_or(Error::OutOfMemory)?;
        let done = fill(how, password, salt, blocks, output);
        wipe(blocks);
        // What is written must be there, whoever frees the memory next.
        core::hint::black_box(&mut *blocks);
        done
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} KiB)", self.kib())
    }
}

//! A block of 1 KiB, and the compression function `G` (RFC 9106, section 3.5) with 128-bit instructions.
//!
//! Two 64-bit words go through each instruction. WebAssembly has no instruction that multiplies the low halves of 64-bit
//! lanes; `extmul` multiplies neighbouring 32-bit lanes, so the low halves of two vectors are first brought side by side.
//! Written without loops inside a round, for the registers: engines compile WebAssembly much as it stands.

#![expect(
    clippy::many_single_char_names,
    reason = "rows of the matrix, by the letters of the RFC"
)]

use core::arch::wasm32::{
    i8x16_swizzle, i32x4_shuffle, i64x2_add, i64x2_extmul_high_u32x4, i64x2_extmul_low_u32x4, i64x2_shuffle, u8x16,
    u64x2, u64x2_extract_lane, u64x2_shr, v128, v128_any_true, v128_or, v128_xor,
};

/// 1 KiB: 8 rows of 16 words of 64 bits, two words a vector.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Block([[v128; 8]; 8]);

/// A block of zeros.
pub(crate) const ZERO: Block = Block([[u64x2(0, 0); 8]; 8]);

/// Whether every bit of it is zero.
pub(crate) fn is_zero(block: &Block) -> bool {
    !block.0.as_flattened().iter().any(|words| v128_any_true(*words))
}

/// Writes zeros over blocks.
#[target_feature(enable = "simd128")]
pub(crate) fn wipe(blocks: &mut [Block]) {
    // As a constant it would become a `memory.fill` for each block, whose call costs more than its work.
    let zeros = core::hint::black_box(u64x2(0, 0));
    for block in blocks {
        for words in block.0.as_flattened_mut() {
            *words = zeros;
        }
    }
}

impl Block {
    /// Takes what H' gave: little-endian words.
    #[target_feature(enable = "simd128")]
    pub(super) fn load(&mut self, bytes: &[u8; 1024]) {
        let vectors = self.0.as_flattened_mut().iter_mut();
        for (vector, bytes) in vectors.zip(bytes.as_chunks::<16>().0) {
            // WebAssembly is little-endian, and so are the words.
            let both = u128::from_le_bytes(*bytes);
            *vector = u64x2(low(both), low(both >> 64));
        }
    }

    /// The words in little-endian order.
    #[target_feature(enable = "simd128")]
    pub(super) fn store(&self, bytes: &mut [u8; 1024]) {
        let chunks = bytes.as_chunks_mut::<16>().0;
        for (vector, bytes) in self.0.as_flattened().iter().zip(chunks) {
            let (first, second) = words(*vector);
            *bytes = (u128::from(second) << 64 | u128::from(first)).to_le_bytes();
        }
    }

    /// Sets the first words, an even number of them.
    #[target_feature(enable = "simd128")]
    pub(super) fn set<const N: usize>(&mut self, values: [[u64; 2]; N]) {
        for (vector, [first, second]) in self.0.as_flattened_mut().iter_mut().zip(values) {
            *vector = u64x2(first, second);
        }
    }

    /// One of the 128 words.
    #[target_feature(enable = "simd128")]
    pub(super) fn word(&self, at: usize) -> Option<u64> {
        let (first, second) = words(*self.0.as_flattened().get(at / 2)?);
        Some(if at.is_multiple_of(2) { first } else { second })
    }

    /// Adds another one, bit by bit.
    #[target_feature(enable = "simd128")]
    pub(super) fn add(&mut self, other: &Self) {
        for (ours, theirs) in self.0.as_flattened_mut().iter_mut().zip(other.0.as_flattened()) {
            *ours = v128_xor(*ours, *theirs);
        }
    }

    fn row(&self, row: usize) -> Option<[v128; 8]> {
        self.0.get(row).copied()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
fn low(both: u128) -> u64 {
    both as u64
}

#[target_feature(enable = "simd128")]
#[inline]
fn words(vector: v128) -> (u64, u64) {
    (u64x2_extract_lane::<0>(vector), u64x2_extract_lane::<1>(vector))
}

/// Writes `G` of two blocks over a third one, or adds it to that. `None` if there is no such block.
///
/// The sum of the two is kept in the third until the end; what the rows gave is kept in `scratch`.
#[target_feature(enable = "simd128")]
pub(super) fn compress(
    blocks: &mut [Block],
    scratch: &mut Block,
    [previous, reference, target]: [usize; 3],
    add: bool,
) -> Option<()> {
    let turns = &Turns::new();
    for (at, permuted) in scratch.0.iter_mut().enumerate() {
        let (previous, reference) = (blocks.get(previous)?.row(at)?, blocks.get(reference)?.row(at)?);
        let sum = xor8(previous, reference);
        *permuted = round(sum, turns);
        let target = blocks.get_mut(target)?.0.get_mut(at)?;
        *target = if add { xor8(*target, sum) } else { sum };
    }
    let ([a, b, c, d, e, f, g, h], target) = (&scratch.0, &mut blocks.get_mut(target)?.0);
    for i in 0..8 {
        #[expect(
            clippy::indexing_slicing,
            reason = "arrays of 8, indices below 8: nothing is left to check"
        )]
        {
            let column = round([a[i], b[i], c[i], d[i], e[i], f[i], g[i], h[i]], turns);
            for (row, words) in target.iter_mut().zip(column) {
                row[i] = v128_xor(row[i], words);
            }
        }
    }
    Some(())
}

#[target_feature(enable = "simd128")]
#[inline]
fn xor8(x: [v128; 8], y: [v128; 8]) -> [v128; 8] {
    [
        v128_xor(x[0], y[0]),
        v128_xor(x[1], y[1]),
        v128_xor(x[2], y[2]),
        v128_xor(x[3], y[3]),
        v128_xor(x[4], y[4]),
        v128_xor(x[5], y[5]),
        v128_xor(x[6], y[6]),
        v128_xor(x[7], y[7]),
    ]
}

/// The orders of bytes that turn both words to the right by 24 and by 16 bits.
///
/// Values, not constants of the instructions: engines keep a value in a register, and V8 makes the constant of a shuffle anew
/// wherever it stands, which takes a hash 3% longer.
struct Turns {
    by_24: v128,
    by_16: v128,
}

impl Turns {
    #[target_feature(enable = "simd128")]
    #[inline]
    fn new() -> Self {
        // Or the compiler would see that they are constants, and write shuffles.
        core::hint::black_box(Self {
            by_24: u8x16(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10),
            by_16: u8x16(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9),
        })
    }
}

/// Four words of 64 bits: a row of the 4x4 matrix that BLAKE2's round works on.
type Four = [v128; 2];

/// The permutation `P` (RFC 9106, section 3.6) on 16 words: BLAKE2b's round without a message, multiplying.
#[target_feature(enable = "simd128")]
#[inline]
fn round([a, b, c, d, e, f, g, h]: [v128; 8], turns: &Turns) -> [v128; 8] {
    let [a, b, c, d] = columns([[a, b], [c, d], [e, f], [g, h]], turns);
    let [a, b, c, d] = columns([a, left(b), [c[1], c[0]], right(d)], turns);
    let ([b, d], c) = ([right(b), left(d)], [c[1], c[0]]);
    [a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]]
}

/// Moves the words by one: 0 1 2 3 becomes 1 2 3 0.
#[target_feature(enable = "simd128")]
#[inline]
fn left([x, y]: Four) -> Four {
    [i64x2_shuffle::<1, 2>(x, y), i64x2_shuffle::<1, 2>(y, x)]
}

/// Moves the words by one: 0 1 2 3 becomes 3 0 1 2.
#[target_feature(enable = "simd128")]
#[inline]
fn right([x, y]: Four) -> Four {
    [i64x2_shuffle::<1, 2>(y, x), i64x2_shuffle::<1, 2>(x, y)]
}

/// `GB` on the four columns of the matrix.
#[target_feature(enable = "simd128")]
#[inline]
fn columns([a, b, c, d]: [Four; 4], turns: &Turns) -> [Four; 4] {
    let a = multiply_add(a, b);
    let [x, y] = xor(d, a);
    let d = [i32x4_shuffle::<1, 0, 3, 2>(x, x), i32x4_shuffle::<1, 0, 3, 2>(y, y)];
    let c = multiply_add(c, d);
    let [x, y] = xor(b, c);
    let b = [i8x16_swizzle(x, turns.by_24), i8x16_swizzle(y, turns.by_24)];
    let a = multiply_add(a, b);
    let [x, y] = xor(d, a);
    let d = [i8x16_swizzle(x, turns.by_16), i8x16_swizzle(y, turns.by_16)];
    let c = multiply_add(c, d);
    let [x, y] = xor(b, c);
    let b = [rotate_63(x), rotate_63(y)];
    [a, b, c, d]
}

#[target_feature(enable = "simd128")]
#[inline]
fn xor(x: Four, y: Four) -> Four {
    [v128_xor(x[0], y[0]), v128_xor(x[1], y[1])]
}

/// `x + y + 2 * low(x) * low(y)` for each word, where `low` is the lower 32 bits.
#[target_feature(enable = "simd128")]
#[inline]
fn multiply_add(x: Four, y: Four) -> Four {
    let low_x = i32x4_shuffle::<0, 2, 4, 6>(x[0], x[1]);
    let low_y = i32x4_shuffle::<0, 2, 4, 6>(y[0], y[1]);
    let first = i64x2_extmul_low_u32x4(low_x, low_y);
    let second = i64x2_extmul_high_u32x4(low_x, low_y);
    [
        i64x2_add(i64x2_add(x[0], y[0]), i64x2_add(first, first)),
        i64x2_add(i64x2_add(x[1], y[1]), i64x2_add(second, second)),
    ]
}

#[target_feature(enable = "simd128")]
#[inline]
fn rotate_63(x: v128) -> v128 {
    v128_or(i64x2_add(x, x), u64x2_shr(x, 63))
}

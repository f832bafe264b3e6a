//! Argon2 on WebAssembly: the first blocks, the order in which the others are made, and the output.

mod blake;
mod block;

use zeroize::Zeroize;

pub(crate) use block::{Block, ZERO, is_zero, wipe};

use crate::{Algorithm, Argon2, Error, Version};

/// Parts of a lane; lanes refer to each other's finished parts only (RFC 9106, section 3.4).
const SLICES: usize = 4;
/// Numbers that one block of addresses holds.
const ADDRESSES: usize = 128;

/// Fills the memory and writes the output.
pub(crate) fn fill(
    how: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    blocks: &mut [Block],
    output: &mut [u8],
) -> Result<(), Error> {
    let mut filling = Filling {
        how,
        lane: blocks.len() / how.lanes as usize,
        scratch: ZERO,
        addresses: [ZERO; 3],
    };
    let mut bytes = [0; 1024];
    let mut start = blake::inputs(how, password, salt, output)?;
    let done = filling
        .first(&start, &mut bytes, blocks)
        .and_then(|()| filling.passes(blocks).ok_or(Error::Refused))
        .and_then(|()| {
            filling.last(blocks, &mut bytes);
            blake::long([&bytes, &[], &[]], output)
        });
    start.zeroize();
    bytes.zeroize();
    filling.scratch = ZERO;
    // Here, too: wiped in memory, not only in the compiler's mind.
    core::hint::black_box(&mut filling);
    done
}

struct Filling<'a> {
    how: &'a Argon2<'a>,
    /// Blocks of a lane.
    lane: usize,
    scratch: Block,
    /// Zeros, the input, and the addresses made of them.
    addresses: [Block; 3],
}

/// Where the next block goes.
#[derive(Clone, Copy)]
struct Position {
    pass: u32,
    lane: usize,
    slice: usize,
    /// The number within the slice.
    index: usize,
}

impl Filling<'_> {
    /// The first two blocks of each lane.
    fn first(&self, start: &[u8; 64], bytes: &mut [u8; 1024], blocks: &mut [Block]) -> Result<(), Error> {
        for (lane, blocks) in (0_u32..).zip(blocks.chunks_exact_mut(self.lane)) {
            for (index, block) in (0_u32..2).zip(blocks) {
                blake::long([start, &index.to_le_bytes(), &lane.to_le_bytes()], bytes)?;
                block.load(bytes);
            }
        }
        Ok(())
    }

    /// All blocks, as often as there are passes. `None` for an index outside the memory, which none is.
    fn passes(&mut self, blocks: &mut [Block]) -> Option<()> {
        for pass in 0..self.how.passes {
            for slice in 0..SLICES {
                for lane in 0..self.how.lanes as usize {
                    self.slice(blocks, pass, slice, lane)?;
                }
            }
        }
        Some(())
    }

    fn slice(&mut self, blocks: &mut [Block], pass: u32, slice: usize, lane: usize) -> Option<()> {
        let size = self.lane / SLICES;
        let by_number = match self.how.algorithm {
            Algorithm::Argon2d => false,
            Algorithm::Argon2i => true,
            Algorithm::Argon2id => pass == 0 && slice < SLICES / 2,
        };
        let skipped = if pass == 0 && slice == 0 { 2 } else { 0 };
        // Version 1.0 replaces a block in later passes.
        let add = pass > 0 && self.how.version == Version::V0x13;
        for index in skipped..size {
            let position = Position {
                pass,
                lane,
                slice,
                index,
            };
            let within = slice * size + index;
            let target = lane * self.lane + within;
            let previous = if within == 0 { target + self.lane } else { target } - 1;
            let random = if by_number {
                if index == skipped || index.is_multiple_of(ADDRESSES) {
                    self.next_addresses(position, blocks.len())?;
                }
                self.addresses[2].word(index % ADDRESSES)?
            } else {
                blocks.get(previous)?.word(0)?
            };
            let reference = self.reference(position, random);
            block::compress(blocks, &mut self.scratch, [previous, reference, target], add)?;
        }
        Some(())
    }

    /// The addresses for the next 128 blocks of a slice (RFC 9106, section 3.4.1.2).
    fn next_addresses(&mut self, at: Position, blocks: usize) -> Option<()> {
        let number = at.index / ADDRESSES + 1;
        self.addresses[1].set([
            [u64::from(at.pass), at.lane as u64],
            [at.slice as u64, blocks as u64],
            [u64::from(self.how.passes), self.how.algorithm as u64],
            [number as u64, 0],
        ]);
        block::compress(&mut self.addresses, &mut self.scratch, [0, 1, 2], false)?;
        block::compress(&mut self.addresses, &mut self.scratch, [0, 2, 2], false)
    }

    /// The block that the previous one is mixed with (RFC 9106, section 3.4.2).
    fn reference(&self, at: Position, random: u64) -> usize {
        let size = self.lane / SLICES;
        let lanes = u64::from(self.how.lanes);
        let lane = if at.pass == 0 && at.slice == 0 {
            at.lane
        } else {
            ((random >> 32) % lanes) as usize
        };
        let finished = if at.pass == 0 {
            at.slice * size
        } else {
            self.lane - size
        };
        // Of the own lane also what this slice has so far, without the previous block; of another one no block that the
        // first of this slice's could follow.
        let area = if lane == at.lane {
            finished + at.index - 1
        } else {
            finished - usize::from(at.index == 0)
        };
        let x = random & 0xffff_ffff;
        let x = (area as u64 * ((x * x) >> 32)) >> 32;
        let start = if at.pass == 0 { 0 } else { (at.slice + 1) * size };
        let within = (start + area - 1 - x as usize) % self.lane;
        lane * self.lane + within
    }

    /// The sum of the last blocks of all lanes.
    fn last(&mut self, blocks: &[Block], bytes: &mut [u8; 1024]) {
        let (sum, rest) = (&mut self.scratch, blocks.chunks_exact(self.lane));
        *sum = ZERO;
        rest.filter_map(<[Block]>::last).for_each(|last| sum.add(last));
        sum.store(bytes);
    }
}

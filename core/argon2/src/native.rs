//! Argon2 by the crate `argon2`, where there is a machine to choose instructions for.

pub(crate) use argon2::Block;
use argon2::{Argon2 as Crate, AssociatedData, ParamsBuilder};

use crate::{Algorithm, Argon2, Error, Version};

pub(crate) const ZERO: Block = Block::new();

pub(crate) fn is_zero(block: &Block) -> bool {
    block.as_ref().iter().all(|word| *word == 0)
}

pub(crate) fn wipe(blocks: &mut [Block]) {
    blocks.fill(ZERO);
}

/// Fills the memory and writes the output.
pub(crate) fn fill(
    how: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    blocks: &mut [Block],
    output: &mut [u8],
) -> Result<(), Error> {
    let algorithm = match how.algorithm {
        Algorithm::Argon2d => argon2::Algorithm::Argon2d,
        Algorithm::Argon2i => argon2::Algorithm::Argon2i,
        Algorithm::Argon2id => argon2::Algorithm::Argon2id,
    };
    let version = match how.version {
        Version::V0x10 => argon2::Version::V0x10,
        Version::V0x13 => argon2::Version::V0x13,
    };
    let params = ParamsBuilder::new()
        .m_cost(how.memory_kib)
        .t_cost(how.passes)
        .p_cost(how.lanes)
        .data(AssociatedData::new(how.data).map_err(|_| Error::Refused)?)
        .output_len(output.len())
        .build()
        .map_err(|_| Error::Refused)?;
    Crate::new_with_secret(how.secret, algorithm, version, params)
        .and_then(|argon2| argon2.hash_password_into_with_memory(password, salt, output, blocks))
        .map_err(|_| Error::Refused)
}

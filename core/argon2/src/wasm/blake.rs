//! BLAKE2b for what stands before and after the memory: `H0` and `H'` (RFC 9106, sections 3.2 and 3.3).

use blake2::Blake2bVar;
use blake2::digest::{Update, VariableOutput};
use zeroize::Zeroize;

use crate::{Argon2, Error};

/// Hashes the parts, one after the other, into 1 to 64 bytes.
fn blake2b(parts: &[&[u8]], output: &mut [u8]) -> Result<(), Error> {
    let mut hasher = Blake2bVar::new(output.len()).map_err(|_| Error::Refused)?;
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize_variable(output).map_err(|_| Error::Refused)
}

/// A number of 32 bits; the lengths were checked before.
#[expect(clippy::cast_possible_truncation, reason = "`Argon2::allows` refuses longer inputs")]
const fn length(bytes: &[u8]) -> [u8; 4] {
    (bytes.len() as u32).to_le_bytes()
}

/// `H0`: all inputs, each with its length.
pub(super) fn inputs(how: &Argon2<'_>, password: &[u8], salt: &[u8], output: &[u8]) -> Result<[u8; 64], Error> {
    let mut hash = [0; 64];
    let parts: [&[u8]; 14] = [
        &how.lanes.to_le_bytes(),
        &length(output),
        &how.memory_kib.to_le_bytes(),
        &how.passes.to_le_bytes(),
        &(how.version as u32).to_le_bytes(),
        &(how.algorithm as u32).to_le_bytes(),
        &length(password),
        password,
        &length(salt),
        salt,
        &length(how.secret),
        how.secret,
        &length(how.data),
        how.data,
    ];
    blake2b(&parts, &mut hash)?;
    Ok(hash)
}

/// `H'`: an output of any length.
pub(super) fn long(parts: [&[u8]; 3], mut output: &mut [u8]) -> Result<(), Error> {
    let length = length(output);
    let [a, b, c] = parts;
    let parts = [&length[..], a, b, c];
    if output.len() <= 64 {
        return blake2b(&parts, output);
    }
    // 32 bytes of each hash, which is the input of the next one; all of the last one.
    let mut link = [0; 64];
    blake2b(&parts, &mut link)?;
    while output.len() > 64 {
        let (half, rest) = output.split_at_mut(32);
        half.copy_from_slice(link.first_chunk::<32>().ok_or(Error::Refused)?);
        let next = rest.len().min(64);
        output = rest;
        let mut previous = link;
        blake2b(&[&previous], link.get_mut(..next).ok_or(Error::Refused)?)?;
        previous.zeroize();
    }
    output.copy_from_slice(link.get(..output.len()).ok_or(Error::Refused)?);
    link.zeroize();
    Ok(())
}

//! What both kinds of WebAssembly call.

use std::cell::RefCell;

use doorward_argon2::{Algorithm, Argon2, Memory, Version};

thread_local! {
    static MEMORY: RefCell<Memory> = const { RefCell::new(Memory::new()) };
}

pub(crate) fn argon2id(password: &[u8], salt: &[u8]) -> Option<Vec<u8>> {
    let how = Argon2 {
        algorithm: Algorithm::Argon2id,
        version: Version::V0x13,
        memory_kib: 19_456,
        passes: 2,
        lanes: 1,
        secret: &[],
        data: &[],
    };
    let mut tag = vec![0; 32];
    MEMORY.with_borrow_mut(|memory| memory.hash(&how, password, salt, &mut tag).ok())?;
    Some(tag)
}

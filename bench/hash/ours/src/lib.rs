//! Doorward's Argon2id for V8, as the Worker has it: bound by wasm-bindgen, in one memory that is kept.

#![cfg(all(target_family = "wasm", target_os = "unknown"))]

mod ours;

/// Argon2id with 19 MiB, two passes and one lane; nothing where it was refused.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn argon2id(password: &[u8], salt: &[u8]) -> Option<Vec<u8>> {
    ours::argon2id(password, salt)
}

//! Our filling on WebAssembly against the crate `argon2`, for thousands of random inputs.

#![cfg(target_family = "wasm")]

use doorward_argon2::{Algorithm, Argon2, Memory, Version};

/// splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((z ^ (z >> 31)) >> 32).unwrap() % limit
    }

    fn bytes(&mut self, from: u32, below: u32) -> Vec<u8> {
        let length = from + self.below(below - from);
        (0..length).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }
}

#[test]
fn random_inputs_give_what_the_crate_gives() {
    let mut random = Random(9106);
    let mut memory = Memory::new();
    for round in 0..5_000 {
        let lanes = 1 + random.below(5);
        // Often small, where the first slice and the edges are; at times above 512 blocks a slice, where addresses run out.
        let more = [16, 300, 700, 6_000][usize::try_from(random.below(100)).unwrap().saturating_sub(60) / 13];
        let memory_kib = lanes * 8 + random.below(more);
        let passes = 1 + random.below(4);
        let (algorithm, crates) = [
            (Algorithm::Argon2d, argon2::Algorithm::Argon2d),
            (Algorithm::Argon2i, argon2::Algorithm::Argon2i),
            (Algorithm::Argon2id, argon2::Algorithm::Argon2id),
        ][usize::try_from(random.below(3)).unwrap()];
        let (version, crates_version) = [
            (Version::V0x10, argon2::Version::V0x10),
            (Version::V0x13, argon2::Version::V0x13),
        ][usize::try_from(random.below(2)).unwrap()];
        let (password, salt) = (random.bytes(0, 300), random.bytes(8, 100));
        let (secret, data) = (random.bytes(0, 40), random.bytes(0, 33));
        let mut output = random.bytes(4, 200);
        let mut expected = vec![0; output.len()];

        let how = Argon2 {
            algorithm,
            version,
            memory_kib,
            passes,
            lanes,
            secret: &secret,
            data: &data,
        };
        memory.hash(&how, &password, &salt, &mut output).unwrap();
        let params = argon2::ParamsBuilder::new()
            .m_cost(memory_kib)
            .t_cost(passes)
            .p_cost(lanes)
            .data(argon2::AssociatedData::new(&data).unwrap())
            .output_len(expected.len())
            .build()
            .unwrap();
        let mut blocks = vec![argon2::Block::new(); how.blocks()];
        argon2::Argon2::new_with_secret(&secret, crates, crates_version, params)
            .unwrap()
            .hash_password_into_with_memory(&password, &salt, &mut expected, &mut blocks)
            .unwrap();
        assert_eq!(output, expected, "{round}: {how:?} {password:?} {salt:?}");
        assert!(memory.is_wiped(), "{round}: {how:?}");
    }
}

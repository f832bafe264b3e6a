//! What others computed: the RFC's own examples, and libargon2 for 62 sets of inputs (`libargon2.c` made them).

use doorward_argon2::{Algorithm, Argon2, Error, Memory, Version};

/// Hexadecimal digits, "-" for nothing.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
        .collect()
}

/// RFC 9106, section 5: 32 KiB, 3 passes, 4 lanes, with a secret and associated data.
#[test]
fn the_tags_of_rfc_9106() {
    for (algorithm, tag) in [
        (
            Algorithm::Argon2d,
            "512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb",
        ),
        (
            Algorithm::Argon2i,
            "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8",
        ),
        (
            Algorithm::Argon2id,
            "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659",
        ),
    ] {
        let how = Argon2 {
            algorithm,
            version: Version::V0x13,
            memory_kib: 32,
            passes: 3,
            lanes: 4,
            secret: &[3; 8],
            data: &[4; 12],
        };
        let mut output = [0; 32];
        Memory::new().hash(&how, &[1; 32], &[2; 16], &mut output).unwrap();
        assert_eq!(output.as_slice(), hex(tag), "{algorithm:?}");
    }
}

#[test]
fn the_outputs_of_libargon2() {
    let mut memory = Memory::new();
    let mut compared = 0;
    for line in include_str!("libargon2.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [
            algorithm,
            version,
            kib,
            passes,
            lanes,
            password,
            salt,
            secret,
            data,
            expected,
        ] = fields[..]
        else {
            panic!("{line}");
        };
        let (secret, data, expected) = (hex(secret), hex(data), hex(expected));
        let how = Argon2 {
            algorithm: match algorithm {
                "argon2d" => Algorithm::Argon2d,
                "argon2i" => Algorithm::Argon2i,
                "argon2id" => Algorithm::Argon2id,
                _ => panic!("{line}"),
            },
            version: match version {
                "16" => Version::V0x10,
                "19" => Version::V0x13,
                _ => panic!("{line}"),
            },
            memory_kib: kib.parse().unwrap(),
            passes: passes.parse().unwrap(),
            lanes: lanes.parse().unwrap(),
            secret: &secret,
            data: &data,
        };
        let mut output = vec![0; expected.len()];
        memory.hash(&how, &hex(password), &hex(salt), &mut output).unwrap();
        assert_eq!(output, expected, "{line}");
        assert!(memory.is_wiped(), "{line}");
        compared += 1;
    }
    assert_eq!(compared, 62);
}

#[test]
fn what_argon2_forbids_is_refused() {
    let good = Argon2 {
        algorithm: Algorithm::Argon2id,
        version: Version::V0x13,
        memory_kib: 16,
        passes: 1,
        lanes: 2,
        secret: &[],
        data: &[],
    };
    let mut memory = Memory::new();
    let mut hash = |how: Argon2<'_>, salt: usize, output: usize| {
        memory.hash(&how, b"password", &vec![7; salt], &mut vec![0; output])
    };
    assert_eq!(hash(good, 8, 4), Ok(()));
    assert_eq!(hash(good, 7, 4), Err(Error::Refused));
    assert_eq!(hash(good, 8, 3), Err(Error::Refused));
    for bad in [
        Argon2 { memory_kib: 15, ..good },
        Argon2 { passes: 0, ..good },
        Argon2 { lanes: 0, ..good },
        Argon2 {
            lanes: 1 << 24,
            memory_kib: u32::MAX,
            ..good
        },
        Argon2 { data: &[0; 33], ..good },
    ] {
        assert_eq!(hash(bad, 8, 4), Err(Error::Refused), "{bad:?}");
    }
}

#[test]
fn memory_is_kept_and_gives_the_same_hash_again() {
    let how = |memory_kib, lanes| Argon2 {
        algorithm: Algorithm::Argon2id,
        version: Version::V0x13,
        memory_kib,
        passes: 2,
        lanes,
        secret: &[],
        data: &[],
    };
    let hash = |memory: &mut Memory, how: &Argon2<'_>| {
        let mut output = [0; 32];
        memory.hash(how, b"password", b"saltsalt", &mut output).unwrap();
        output
    };
    let mut kept = Memory::new();
    let first = hash(&mut kept, &how(300, 1));
    assert_eq!(kept.kib(), 300);
    hash(&mut kept, &how(64, 4));
    assert_eq!(kept.kib(), 300);
    assert_eq!(hash(&mut kept, &how(300, 1)), first);
    assert_eq!(hash(&mut Memory::new(), &how(300, 1)), first);
    assert!(kept.is_wiped());
}

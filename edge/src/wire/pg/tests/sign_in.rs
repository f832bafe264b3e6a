//! Signing in: what goes out, in how many writes, and what is not accepted.

use base64ct::{Base64, Encoding};
use doorward_core::unicode::TABLES;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::server::{answer, auth, auth_ok, error, greeting, message, one_row, ready, session, writes};
use crate::wire::pg::{Assume, Batch, Limits, Login, PgError, Session, Step};

const STARTUP: &[u8] =
    b"\0\0\0\x4f\0\x03\0\0user\0app\0database\0door\0application_name\0doorward\0client_encoding\0UTF8\0\0";

fn batch() -> Batch {
    let mut batch = Batch::new();
    batch.push::<&str>("SELECT 'x' AS a", &[]).unwrap();
    batch
}

fn password(text: &str) -> Vec<u8> {
    message(b'p', format!("{text}\0").as_bytes())
}

/// The rest of a first batch once the sign-in is through.
fn finish(session: &mut Session) {
    let reply = [one_row("x"), ready(b'I')].concat();
    let Ok(Step::Done(Ok(results))) = answer(session, &reply) else {
        panic!("no reply")
    };
    assert_eq!(results[0].rows, [[Some("x".to_owned())]]);
    assert!(session.is_ready());
}

#[test]
fn nothing_asked_is_two_writes() {
    let mut session = session();
    session.submit(&batch()).unwrap();
    assert_eq!(writes(&mut session), [STARTUP]);
    session.feed(&[auth_ok(), greeting()].concat()).unwrap();
    assert_eq!(writes(&mut session), [batch().to_bytes()]);
    finish(&mut session);
}

#[test]
fn a_clear_password_shares_its_write_with_the_batch() {
    let mut session = session();
    session.submit(&batch()).unwrap();
    assert_eq!(writes(&mut session), [STARTUP]);
    session.feed(&auth(3, b"")).unwrap();
    assert_eq!(
        writes(&mut session),
        [[password("secret"), batch().to_bytes().to_vec()].concat()]
    );
    session.feed(&[auth_ok(), greeting()].concat()).unwrap();
    assert_eq!(writes(&mut session), [] as [&[u8]; 0]);
    finish(&mut session);
}

#[test]
fn an_md5_password_is_hashed_with_user_and_salt() {
    // echo -n "md5$(echo -n "$(echo -n secretapp | md5sum | cut -c-32)$(printf '\1\2\3\4')" | md5sum | cut -c-32)"
    let hash = "md5911f527656472583a006e7727877b33e";
    let mut session = session();
    session.submit(&batch()).unwrap();
    writes(&mut session);
    session.feed(&auth(5, &[1, 2, 3, 4])).unwrap();
    assert_eq!(
        writes(&mut session),
        [[password(hash), batch().to_bytes().to_vec()].concat()]
    );
    session.feed(&[auth_ok(), greeting()].concat()).unwrap();
    writes(&mut session);
    finish(&mut session);
}

#[test]
fn what_is_known_beforehand_is_one_write() {
    for (assume, sent, asked) in [
        (Assume::Trust, [STARTUP, &batch().to_bytes()].concat(), vec![]),
        (
            Assume::Cleartext,
            [STARTUP, &password("secret"), &batch().to_bytes()].concat(),
            auth(3, b""),
        ),
    ] {
        let login = Login::new("app", "door").password("secret", TABLES).assume(assume);
        let mut session = Session::new(login, Limits::default());
        session.submit(&batch()).unwrap();
        assert_eq!(writes(&mut session), [sent]);
        session.feed(&[asked, auth_ok(), greeting()].concat()).unwrap();
        assert_eq!(writes(&mut session), [] as [&[u8]; 0]);
        finish(&mut session);
    }
}

#[test]
fn a_hidden_password_is_proved_and_never_shown() {
    let hidden = || Login::new("app", "door").password("secret", TABLES).hide_password();
    let mut session = Session::new(hidden(), Limits::default());
    session.submit(&batch()).unwrap();
    writes(&mut session);
    let answer_to = answer(&mut session, &auth(3, b""));
    assert!(matches!(answer_to, Err(PgError::Protocol(text)) if text.contains("clear text")));
    for ask in [auth(5, &[1, 2, 3, 4]), auth(10, b"SCRAM-SHA-256\0\0")] {
        let mut session = Session::new(hidden(), Limits::default());
        session.submit(&batch()).unwrap();
        writes(&mut session);
        session.feed(&ask).unwrap();
        let sent = writes(&mut session).concat();
        assert!(!sent.is_empty() && !sent.windows(6).any(|window| window == b"secret"));
    }
    let assumed = hidden().assume(Assume::Cleartext);
    assert!(matches!(
        Session::new(assumed, Limits::default()).submit(&batch()),
        Err(PgError::Protocol(_))
    ));
}

#[test]
fn a_wrong_assumption_says_so() {
    let asks = [
        auth_ok(),
        auth(3, b""),
        auth(5, &[1, 2, 3, 4]),
        auth(10, b"SCRAM-SHA-256\0\0"),
    ];
    for (assume, right) in [(Assume::Trust, 0), (Assume::Cleartext, 1)] {
        for (index, ask) in asks.iter().enumerate().filter(|(index, _)| *index != right) {
            let mut session = Session::new(
                Login::new("a", "b").password("c", TABLES).assume(assume),
                Limits::default(),
            );
            session.submit(&batch()).unwrap();
            assert_eq!(
                answer(&mut session, ask),
                Err(PgError::WrongAssumption),
                "{assume:?} {index}"
            );
            assert_eq!(session.submit(&batch()), Err(PgError::Unusable));
        }
    }
}

#[test]
fn parameters_follow_our_own() {
    let login = Login::new("u", "d")
        .application_name("me")
        .parameter("options", "-c a=b");
    let mut session = Session::new(login, Limits::default());
    session.submit(&batch()).unwrap();
    let body = b"\0\x03\0\0user\0u\0database\0d\0application_name\0me\0client_encoding\0UTF8\0options\0-c a=b\0\0";
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    assert_eq!(writes(&mut session), [[&length[..], body].concat()]);
}

#[test]
fn a_name_with_a_zero_byte_cant_be_said() {
    let mut session = Session::new(Login::new("a\0superuser", "b"), Limits::default());
    assert!(matches!(session.submit(&batch()), Err(PgError::Protocol(_))));
}

#[test]
fn a_password_is_needed_when_asked_for() {
    for ask in [auth(3, b""), auth(5, &[1, 2, 3, 4]), auth(10, b"SCRAM-SHA-256\0\0")] {
        let mut session = Session::new(Login::new("a", "b"), Limits::default());
        session.submit(&batch()).unwrap();
        assert!(matches!(answer(&mut session, &ask), Err(PgError::Protocol(text)) if text.contains("password")));
    }
}

#[test]
fn a_refusal_keeps_its_sqlstate() {
    let refusal = error(&[
        (b'S', "FATAL"),
        (b'V', "FATAL"),
        (b'C', "28P01"),
        (b'M', "password authentication failed"),
    ]);
    for before in [vec![], auth(3, b""), [auth(3, b""), auth_ok()].concat()] {
        let mut session = session();
        session.submit(&batch()).unwrap();
        let Err(PgError::Server(error)) = answer(&mut session, &[before, refusal.clone()].concat()) else {
            panic!("not refused")
        };
        assert_eq!(error.code, "28P01");
        assert!(!session.is_ready());
    }
}

#[test]
fn other_ways_to_sign_in_are_refused() {
    // Kerberos V5, SCM credential, GSS, SSPI, a SCRAM that we don't speak, and one that doesn't exist.
    for ask in [
        auth(2, b""),
        auth(6, b""),
        auth(7, b""),
        auth(9, b""),
        auth(10, b"SCRAM-SHA-256-PLUS\0\0"),
        auth(99, b""),
    ] {
        let mut session = session();
        session.submit(&batch()).unwrap();
        assert!(matches!(answer(&mut session, &ask), Err(PgError::Protocol(_))));
    }
}

/// The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), enough of it to check the client and to lie to it.
struct ScramServer {
    client_first_bare: String,
    server_first: String,
    salted: Vec<u8>,
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

impl ScramServer {
    /// Reads the client's first message.
    fn start(first: &[u8], password: &[u8]) -> Self {
        let text = std::str::from_utf8(first).unwrap();
        let (_, data) = text.split_once("n,,").unwrap();
        let nonce = data.strip_prefix("n=,r=").unwrap();
        assert!(nonce.len() >= 18, "a short nonce: {nonce}");
        let salt = b"sodium chloride!";
        let mut block = hmac(password, &[&salt[..], &[0, 0, 0, 1]].concat());
        let mut salted = block.clone();
        for _ in 1..4096 {
            block = hmac(password, &block);
            salted.iter_mut().zip(&block).for_each(|(sum, byte)| *sum ^= byte);
        }
        let server_first = format!("r={nonce}server,s={},i=4096", Base64::encode_string(salt));
        Self {
            client_first_bare: data.to_owned(),
            server_first,
            salted,
        }
    }

    /// Checks the client's proof and makes ours.
    fn finish(&self, client_final: &[u8]) -> String {
        let text = std::str::from_utf8(client_final).unwrap();
        let (without_proof, proof) = text.rsplit_once(",p=").unwrap();
        let auth_message = format!("{},{},{without_proof}", self.client_first_bare, self.server_first);
        let client_key = hmac(&self.salted, b"Client Key");
        let signature = hmac(&Sha256::digest(&client_key), auth_message.as_bytes());
        let expected: Vec<u8> = client_key.iter().zip(signature).map(|(key, byte)| key ^ byte).collect();
        assert_eq!(Base64::decode_vec(proof).unwrap(), expected, "the client's proof");
        let signature = hmac(&hmac(&self.salted, b"Server Key"), auth_message.as_bytes());
        format!("v={}", Base64::encode_string(&signature))
    }
}

/// A session that has just been offered SCRAM, and the server that read its first message.
fn scram(password: &[u8]) -> (Session, ScramServer) {
    let mut session = session();
    session.submit(&batch()).unwrap();
    writes(&mut session);
    session
        .feed(&auth(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"))
        .unwrap();
    let first = writes(&mut session).concat();
    assert_eq!((first[0], &first[5..19]), (b'p', &b"SCRAM-SHA-256\0"[..]));
    let length = u32::from_be_bytes(first[19..23].try_into().unwrap());
    assert_eq!(usize::try_from(length).unwrap(), first.len() - 23);
    let server = ScramServer::start(&first[23..], password);
    (session, server)
}

#[test]
fn scram_proves_both_sides_before_the_batch_goes_out() {
    let (mut session, server) = scram(b"secret");
    session.feed(&auth(11, server.server_first.as_bytes())).unwrap();
    let last = writes(&mut session);
    assert_eq!(last.len(), 1);
    let proof = server.finish(&last[0][5..]);
    session.feed(&auth(12, proof.as_bytes())).unwrap();
    assert_eq!(
        writes(&mut session),
        [] as [&[u8]; 0],
        "the batch waits for AuthenticationOk"
    );
    session.feed(&auth_ok()).unwrap();
    assert_eq!(writes(&mut session), [batch().to_bytes()]);
    session.feed(&greeting()).unwrap();
    assert_eq!(writes(&mut session), [] as [&[u8]; 0]);
    finish(&mut session);
}

#[test]
fn a_server_that_doesnt_know_the_password_gets_no_batch() {
    let (mut session, server) = scram(b"secret");
    session.feed(&auth(11, server.server_first.as_bytes())).unwrap();
    writes(&mut session);
    let guess = format!("v={}", Base64::encode_string(&[7; 32]));
    session.feed(&auth(12, guess.as_bytes())).unwrap();
    assert!(matches!(session.step(), Err(PgError::Protocol(_))));
    assert_eq!(session.feed(&auth_ok()), Err(PgError::Unusable));
}

#[test]
fn scram_cant_be_left_before_the_server_has_proved_itself() {
    let (mut session, _) = scram(b"secret");
    assert!(matches!(answer(&mut session, &auth_ok()), Err(PgError::Protocol(_))));
    let (mut session, server) = scram(b"secret");
    session.feed(&auth(11, server.server_first.as_bytes())).unwrap();
    writes(&mut session);
    assert!(matches!(answer(&mut session, &auth_ok()), Err(PgError::Protocol(_))));
}

#[test]
fn a_server_that_bends_scram_is_refused() {
    let (_, server) = scram(b"secret");
    let honest = server.server_first;
    for lie in [
        "r=another,s=c2FsdA==,i=4096".to_owned(), // a nonce that isn't ours
        honest.replace("i=4096", "i=100000000"),  // would keep us busy for minutes
        honest.replace("i=4096", "i=x"),
        honest.replace(",s=", ",s=*"),
        String::new(),
        "e=other-error".to_owned(),
    ] {
        let (mut session, own) = scram(b"secret");
        let lie = lie.replace(&honest[..honest.len().min(26)], &own.server_first[..26]);
        assert!(
            matches!(
                answer(&mut session, &auth(11, lie.as_bytes())),
                Err(PgError::Protocol(_))
            ),
            "{lie}"
        );
    }
}

//! A service that lets in who has a good access token. It knows of Doorward its address and its public keys, nothing else.
//!
//! `ISSUER`, `AUDIENCE` and `JWKS_URL` say whom it trusts, `PORT` where it listens on 127.0.0.1.

use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

/// What a token says of its bearer.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    sid: String,
    role: String,
    tier: String,
    firm: Option<String>,
}

/// Checks tokens.
struct Verifier {
    jwks_url: String,
    validation: Validation,
    http: reqwest::Client,
    keys: Mutex<Keys>,
}

/// The public keys, and when they were asked for.
#[derive(Default)]
struct Keys {
    set: Option<JwkSet>,
    asked: Option<Instant>,
}

impl Verifier {
    fn new(issuer: &str, audience: &str, jwks_url: String) -> anyhow::Result<Self> {
        // One algorithm, whatever the token's header would like.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = 5;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        let keys = Mutex::default();
        Ok(Self {
            jwks_url,
            validation,
            http,
            keys,
        })
    }

    /// What the token says, or why it is refused: for the log, not for whoever sent it.
    async fn verify(&self, token: &str) -> anyhow::Result<Claims> {
        let head = decode_header(token)?;
        // Other kinds of tokens by the same keys are no access tokens (RFC 9068, section 4).
        anyhow::ensure!(head.typ.as_deref() == Some("at+jwt"), "not an access token");
        // What a header calls critical has to be understood (RFC 7515, section 4.1.11).
        anyhow::ensure!(head.crit.is_none(), "critical headers");
        let key = self.key(&head.kid.context("no kid")?).await?;
        Ok(decode::<Claims>(token, &key, &self.validation)?.claims)
    }

    /// The key of that name. Keys are fetched anew every five minutes, and when a name is unknown, because keys are
    /// renewed; but not more often than every ten seconds, whatever names people make up.
    async fn key(&self, kid: &str) -> anyhow::Result<DecodingKey> {
        let mut keys = self.keys.lock().await;
        let age = keys.asked.map_or(Duration::MAX, |asked| asked.elapsed());
        let known = keys.set.as_ref().is_some_and(|set| set.find(kid).is_some());
        if age > Duration::from_secs(300) || (!known && age > Duration::from_secs(10)) {
            keys.asked = Some(Instant::now());
            // While Doorward can't be reached, the keys from before are still right.
            if let Ok(set) = self.fetch().await {
                keys.set = Some(set);
            }
        }
        let jwk = keys.set.as_ref().and_then(|set| set.find(kid)).context("no such key")?;
        Ok(DecodingKey::from_jwk(jwk)?)
    }

    async fn fetch(&self) -> reqwest::Result<JwkSet> {
        let response = self.http.get(&self.jwks_url).send().await?;
        response.error_for_status()?.json().await
    }
}

/// `GET /`: what the bearer's token says, or 401.
async fn whoami(State(verifier): State<Arc<Verifier>>, headers: HeaderMap) -> Response {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let refused = (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]);
    let Some(token) = token else {
        return refused.into_response();
    };
    match verifier.verify(token).await {
        // Here the role, the tier and the firm decide what the bearer may do.
        Ok(claims) => Json(claims).into_response(),
        Err(why) => {
            eprintln!("refused: {why:#}");
            refused.into_response()
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let variable = |name: &str| env::var(name).with_context(|| format!("{name} isn't set"));
    let verifier = Verifier::new(&variable("ISSUER")?, &variable("AUDIENCE")?, variable("JWKS_URL")?)?;
    let listener = TcpListener::bind(format!("127.0.0.1:{}", variable("PORT")?)).await?;
    let app = Router::new().route("/", get(whoami)).with_state(Arc::new(verifier));
    axum::serve(listener, app).await?;
    Ok(())
}

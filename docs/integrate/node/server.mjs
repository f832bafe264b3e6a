// A service that lets in who has a good access token. It knows of Doorward its address and its public keys, nothing else.
//
// ISSUER, AUDIENCE and JWKS_URL say whom it trusts, PORT where it listens on 127.0.0.1.

import { createServer } from "node:http";
import { createRemoteJWKSet, jwtVerify } from "jose";

const { ISSUER, AUDIENCE, JWKS_URL, PORT } = process.env;

// Fetched when they are first needed, every five minutes, and when a token names an unknown key, because keys are renewed;
// but not more often than every ten seconds, whatever names people make up.
const keys = createRemoteJWKSet(new URL(JWKS_URL), { cacheMaxAge: 300_000, cooldownDuration: 10_000 });

// What the token says. Throws for one that isn't good: the reason is for the log, not for whoever sent it.
async function verify(token) {
  const { payload } = await jwtVerify(token, keys, {
    issuer: ISSUER,
    audience: AUDIENCE,
    // One algorithm, whatever the token's header would like.
    algorithms: ["EdDSA"],
    // Other kinds of tokens by the same keys are no access tokens (RFC 9068, section 4).
    typ: "at+jwt",
    requiredClaims: ["exp", "sub", "role", "tier"],
    clockTolerance: 5,
  });
  const { sub, sid, role, tier, firm } = payload;
  return { sub, sid, role, tier, firm };
}

// GET /: what the bearer's token says, or 401.
const server = createServer(async (request, response) => {
  const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? "") ?? [];
  try {
    if (!token) throw new Error("no token");
    // Here the role, the tier and the firm decide what the bearer may do.
    const body = JSON.stringify(await verify(token));
    response.writeHead(200, { "content-type": "application/json" }).end(body);
  } catch (error) {
    console.error(`refused: ${error.message}`);
    response.writeHead(401, { "www-authenticate": "Bearer" }).end();
  }
});

server.listen(Number(PORT), "127.0.0.1");

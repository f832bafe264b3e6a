// One contender in V8. Reads how many hashes are wanted, makes them, and prints the last one's output; again and again.
// The arguments are the contender, the password and the salt; for Doorward's, also where wasm-bindgen put it.
import { scrypt as nodeScrypt } from "node:crypto";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const [name, password, salt, bound] = process.argv.slice(2);
const hex = (bytes) => Buffer.from(bytes).toString("hex");

// Better Auth's parameters; the memory that node:crypto allows by default is just too little for them.
const SCRYPT = { N: 16384, r: 16, p: 1, dkLen: 64, maxmem: 128 * 16384 * 16 * 2 };

const contenders = {
  async ours() {
    const { argon2id } = createRequire(import.meta.url)(bound);
    const encoder = new TextEncoder();
    return () => hex(argon2id(encoder.encode(password), encoder.encode(salt)));
  },
  async "hash-wasm"() {
    const { argon2id } = await import("hash-wasm");
    const parameters = { memorySize: 19456, iterations: 2, parallelism: 1, hashLength: 32, outputType: "hex" };
    return () => argon2id({ password, salt, ...parameters });
  },
  async "noble-scrypt"() {
    const { scryptAsync } = await import("@noble/hashes/scrypt.js");
    return async () => hex(await scryptAsync(password, salt, SCRYPT));
  },
  async "node-scrypt"() {
    const { N, r, p, maxmem } = SCRYPT;
    return async () => hex(await promisify(nodeScrypt)(password, salt, SCRYPT.dkLen, { N, r, p, maxmem }));
  },
};

const hash = await contenders[name]();
for await (const line of createInterface({ input: process.stdin })) {
  let output = "";
  for (let count = Number(line); count > 0; count -= 1) output = await hash();
  console.log(output);
}

// The official clients of Neon and Upstash, unmodified, against a gateway that runs. Reads GATEWAY_URL, GATEWAY_TOKEN and
// DATABASE_URL; prints a line for each case and a last one with the counts; exits with 1 when a case failed.

import { report } from './harness.mjs';
import './sql.mjs';
import './redis.mjs';

process.exitCode = await report();

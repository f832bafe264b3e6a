// Doorward's pages in a real browser, against one host that runs. `cargo xtask test browser` starts everything and sets
// HOST_NAME, HOST_URL, GATEWAY_URL, GATEWAY_TOKEN, DATABASE_URL and CHROMIUM (the program); PICTURES may name a folder for
// screenshots of what failed, and CASES a part of the names of the cases to run. Prints a line for each case and a last one with the counts; exits with 1 when one failed.
//
// With the argument `outage` it runs the cases for a host whose database is down.

import { report } from './harness.mjs';

if (process.argv[2] === 'outage') {
  await import('./outage.mjs');
} else {
  await import('./agreement.mjs');
  await import('./journey.mjs');
  await import('./profile.mjs');
  await import('./wrong.mjs');
  await import('./tabs.mjs');
  await import('./trouble.mjs');
  await import('./looks.mjs');
}
process.exitCode = await report();

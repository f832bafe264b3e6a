// Cases, run one after the other.

const cases = [];

export function test(name, body) {
  cases.push({ name, body });
}

export function required(name) {
  const value = process.env[name];
  if (!value) {
    console.error(`${name} is not set; \`cargo xtask test\` sets it`);
    process.exit(2);
  }
  return value;
}

// A name that no other run uses.
export function unique(prefix) {
  return `${prefix}_${crypto.randomUUID().replaceAll('-', '')}`;
}

export async function report() {
  let failed = 0;
  for (const { name, body } of cases) {
    try {
      await body();
      console.log(`ok   ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${name}\n${String(error?.stack ?? error).replace(/^/gm, '     ')}`);
    }
  }
  console.log(`${cases.length - failed} passed, ${failed} failed`);
  return failed === 0 && cases.length > 0 ? 0 : 1;
}

// Page and server can't disagree: the same values to the core in the browser, as the host serves it, and to the host's
// API, and the same codes from both.

import { readFileSync } from 'node:fs';

import { ON, assert, host, test } from './harness.mjs';

const { groups } = JSON.parse(readFileSync(new URL('agreement.json', import.meta.url)));

// Values that JSON would make long: {"repeat": ["x", 129]}, {"join": [...]}.
function text(value) {
  if (typeof value === 'string') return value;
  if (value.repeat) return value.repeat[0].repeat(value.repeat[1]);
  return value.join.map(text).join('');
}

const SOMEBODY = { email: 'somebody@example.com', name: 'Somebody' };

const server = {
  // With another field that is refused, so that nobody is registered.
  register: async (field, value, beside) => {
    const other = field === 'firmSlug' ? { name: '' } : { firmSlug: 'No Slug' };
    const password = 'a quiet place by the sea';
    return refused('/api/auth/register', { password, ...beside, ...other, [field]: value }, field);
  },
  login: (field, value) => refused('/api/auth/login', { email: 'no address', [field]: value }, field),
};

async function refused(path, body, field) {
  const response = await fetch(host.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const answer = await response.json();
  assert.equal(response.status, 400, JSON.stringify(answer));
  return answer.details.filter((one) => one.path === field).map((one) => one.code).join(' ');
}

test('page and server can’t disagree', ON, async ({ page }) => {
  await page.goto('/register');
  const { coreJs, coreWasm } = await page.evaluate(() => ({ ...document.documentElement.dataset }));
  const questions = groups.flatMap(({ kind, call, field, beside = SOMEBODY, values }) =>
    values.map((value) => ({ kind, call, field, beside, value: text(value) })));
  const said = await page.evaluate(async ([js, wasm, questions]) => {
    const core = await import(js);
    await core.default({ module_or_path: wasm });
    return questions.map(({ kind, value, beside }) => core.check(kind, value, beside.email, beside.name));
  }, [coreJs, coreWasm, questions]);
  const codes = new Set();
  for (const [at, { kind, call, field, beside, value }] of questions.entries()) {
    const theirs = await server[call](field, value, beside);
    assert.equal(said[at], theirs, `${kind} ${JSON.stringify(value)}`);
    theirs.split(' ').forEach((code) => codes.add(code));
  }
  // Every code that the core has for these fields came up, and so did "nothing is wrong".
  const all = ['', 'common', 'invalid_email', 'invalid_name', 'invalid_phone', 'invalid_slug', 'invalid_text', 'like_you', 'required', 'too_common', 'too_long', 'too_short'];
  assert.deepEqual([...codes].sort(), all.filter((code) => code !== 'common'));
  console.log(`       ${questions.length} values, ${codes.size - 1} codes`);
});

// The database is down: pages say so, in pages, and a form keeps what was typed.

import { BOTH, assert, axe, form, person, send, test } from './harness.mjs';

test('the database is down: a form comes back with what was typed', BOTH, async ({ page, js }) => {
  const { email, password } = person();
  await page.goto('/login');
  const [response] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === 'POST'),
    send(page, form('/login'), { email, password }),
  ]);
  assert.equal(response.status(), 503);
  assert.ok(Number(response.headers()['retry-after']) > 0);
  await page.locator('#main .notice[role=alert]').waitFor();
  assert.equal(await page.locator('#main [name=email]').inputValue(), email);
  if (js) await axe(page, '/login with the database down');
});

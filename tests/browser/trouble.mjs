// Links that are over, and a server that is slow, gone or beside itself.

import { BOTH, ON, assert, at, axe, form, host, link, member, notice, person, replaced, send, signedIn, sql, test } from './harness.mjs';

test('a link that has expired, one that was used, and one that never was', BOTH, async (visitor) => {
  const { page, js } = visitor;
  const { email, password } = await member(visitor);
  const verify = await link(email, 'verify-email');
  const changed = await sql("UPDATE tokens SET expires_at = now() - interval '1 minute' WHERE user_id = (SELECT id FROM users WHERE email = $1)", [email]);
  assert.ok(changed);
  await page.goto(verify);
  const answered = (status) => page.waitForResponse((response) => response.request().method() === 'POST' && response.status() === status);
  await Promise.all([answered(410), send(page, form('/verify-email'), {})]);
  await page.locator('#main .notice[role=alert]').waitFor();
  if (js) await axe(page, '/verify-email expired');

  // There a fresh one is to be had, for the address that is known.
  assert.equal(await page.locator('#main [name=email]').inputValue(), email);
  await send(page, form('/verify-email'), {});
  await notice(page, 'a mail is on its way');
  await page.goto(await link(email, 'verify-email', verify));
  await send(page, form('/verify-email'), {});
  await notice(page, 'Your e-mail address is confirmed.');

  await page.goto(verify);
  await Promise.all([answered(400), send(page, form('/verify-email'), {})]);
  await page.locator('#main .notice[role=alert]').waitFor();

  await visitor.context.clearCookies();
  await page.goto('/reset-password?token=nonsense');
  await Promise.all([answered(400), send(page, form('/reset-password'), { password, confirmPassword: password })]);
  await page.locator('#main .notice[role=alert]').waitFor();
  if (js) await axe(page, '/reset-password invalid');
  await page.goto('/reset-password');
  if (js) await axe(page, '/reset-password without a token');
});

test('a slow server: the form says that it is busy, and is sent once', ON, async (visitor) => {
  const { page } = visitor;
  const { email, password } = await member(visitor);
  await visitor.context.clearCookies();
  await page.goto('/login');
  let posts = 0;
  let release;
  const released = new Promise((resolve) => { release = resolve; });
  await page.route('**/login', async (route) => {
    if (route.request().method() === 'POST') {
      posts += 1;
      await released;
    }
    await route.continue();
  });
  const place = page.locator(form('/login'));
  await place.locator('[name=email]').fill(email);
  await place.locator('[name=password]').fill(password);
  const button = place.locator('button[type=submit]');
  const calm = await button.textContent();
  await button.click();
  await page.waitForSelector('#main form[aria-busy=true]');
  assert.notEqual(await button.textContent(), calm);
  assert.equal(await button.getAttribute('aria-disabled'), 'true');
  await axe(page, '/login busy');
  await button.click({ force: true });
  await place.locator('[name=password]').press('Enter');
  release();
  await signedIn(page, true);
  assert.equal(posts, 1);
});

for (const [what, answer] of [
  ['no answer', (route) => route.abort('connectionreset')],
  ['an answer of somebody in between', (route) => route.fulfill({ status: 502, contentType: 'text/plain', body: 'bad gateway' })],
]) {
  test(`a failing server: ${what} leaves what was typed, and it can be sent again`, ON, async (visitor) => {
    const { page } = visitor;
    visitor.expected.push('502', 'ERR_CONNECTION_RESET');
    const { name, email, password } = person();
    await page.goto('/register');
    await page.route('**/register', (route) => (route.request().method() === 'POST' ? answer(route) : route.continue()));
    const place = page.locator(form('/register'));
    for (const [field, value] of Object.entries({ name, email, password })) await place.locator(`[name=${field}]`).fill(value);
    await place.locator('button[type=submit]').click();
    await place.locator('.notice[role=alert]').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('role')), 'alert');
    assert.equal(await place.locator('[name=password]').inputValue(), password);
    assert.equal(await place.getAttribute('aria-busy'), null);
    await axe(page, `/register, ${what}`);
    await page.unroute('**/register');
    await replaced(page, () => place.locator('button[type=submit]').click());
    await signedIn(page, true);
  });
}

test('without the core for the browser the server alone says what is wrong', ON, async (visitor) => {
  const { page } = visitor;
  visitor.expected.push('net::ERR_FAILED', 'ERR_BLOCKED');
  await visitor.context.route('**/assets/core.*', (route) => route.abort());
  await page.goto('/forgot-password');
  await send(page, form('/forgot-password'), { email: 'ada@' });
  await page.locator('#main [name=email][aria-invalid=true]').waitFor();
  assert.equal(await page.locator('#email-error').textContent(), 'Enter a valid e-mail address.');
});

test('an address where nothing is', BOTH, async (visitor) => {
  const { page, js } = visitor;
  const response = await page.goto('/nothing/here');
  assert.equal(response.status(), 404);
  assert.match(response.headers()['content-type'], /^text\/html/);
  if (js) await axe(page, '404');
  await replaced(page, () => page.locator('#main a[href="/"]').click());
  await at(page, '/');
});

test('an address that begins with two slashes stays on this site', ON, async ({ page }) => {
  const { origin } = new URL(host.url);
  const response = await page.goto(`${origin}//elsewhere.example/`);
  assert.equal(response.status(), 404);
  const links = await page.locator('a').evaluateAll((all) => all.map((link) => link.origin));
  assert.ok(links.length > 0 && links.every((link) => link === origin), links.join(' '));
  // As when the browser has kept the page and shows it again.
  await replaced(page, () => page.evaluate(() => {
    setTimeout(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  }));
  assert.equal(new URL(page.url()).origin, origin);
});

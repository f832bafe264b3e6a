// Each form with wrong input. The same texts with JavaScript, where the core in the browser says them, and without, where
// the server does; and what only the server can know.

import { BOTH, ON, PASSWORD, assert, axe, coreIsReady, doing, fill, form, host, link, member, notice, person, replaced, send, test } from './harness.mjs';

const wrong = [
  {
    name: '/register',
    path: '/register',
    form: form('/register'),
    values: { name: 'Ada\u202eLovelace', email: 'ada@', password: 'short' },
    says: { name: 'Use one line of plain text.', email: 'Enter a valid e-mail address.', password: 'Use at least 8 characters.' },
  },
  {
    name: '/register, empty',
    path: '/register',
    form: form('/register'),
    values: {},
    says: { name: 'This field is required.|Enter a name.', email: 'This field is required.|Enter an e-mail address.', password: 'This field is required.' },
  },
  {
    name: '/register, a password that everybody tries',
    path: '/register',
    form: form('/register'),
    values: { name: 'Ada', email: 'password1@example.com', password: 'Password1' },
    says: { password: "Don't use your name or e-mail address." },
  },
  {
    name: '/login',
    path: '/login?next=/account',
    form: form('/login'),
    values: { email: 'nobody', password: '' },
    says: { email: 'Enter a valid e-mail address.', password: 'This field is required.' },
  },
  {
    name: '/forgot-password',
    path: '/forgot-password',
    form: form('/forgot-password'),
    values: { email: 'a b@example.com' },
    says: { email: 'Enter a valid e-mail address.' },
  },
  {
    name: '/verify-email, the mail again',
    path: '/verify-email',
    form: form('/verify-email'),
    values: { email: 'ada@example' },
    says: { email: 'Enter a valid e-mail address.' },
  },
  {
    name: '/profile/edit',
    isMember: true,
    path: '/profile/edit',
    form: form('/profile/edit'),
    values: { name: ' ', phone: 'call me', department: 'one\u202etwo' },
    says: { name: 'Enter a name.', phone: 'Enter a valid telephone number', department: 'Use one line of plain text.' },
  },
  {
    name: '/account, the password',
    isMember: true,
    path: '/account',
    form: doing('password'),
    values: { currentPassword: '', newPassword: 'qwertyuiop' },
    says: { currentPassword: 'This field is required.', newPassword: 'This password is too common. Choose another one.' },
  },
  {
    name: '/account, the address',
    isMember: true,
    path: '/account',
    form: doing('email'),
    values: { newEmail: 'ada@@example.com', password: '' },
    says: { newEmail: 'Enter a valid e-mail address.', password: 'This field is required.' },
  },
  {
    name: '/account, deleting it',
    isMember: true,
    path: '/account',
    form: doing('delete'),
    values: { password: '' },
    says: { password: 'This field is required.' },
  },
];

for (const one of wrong) {
  test(`wrong input: ${one.name}`, BOTH, async (visitor) => {
    const { page, js } = visitor;
    if (one.isMember) await member(visitor);
    await page.goto(one.path);
    for (const summary of await page.locator('#main details:not([open]) summary').all()) await summary.click();
    const place = page.locator(one.form);
    await judged(page, js, place, one);
    if (js) await axe(page, `${one.name} with wrong input`);
  });
}

async function judged(page, js, place, { values, says }) {
  if (js) {
    await coreIsReady(page);
    const posts = [];
    page.on('request', (request) => request.method() === 'POST' && posts.push(request.url()));
    await fill(place, values);
    await place.locator('button[type=submit]').click();
    await place.locator('[aria-invalid=true]').first().waitFor();
    assert.deepEqual(posts, [], 'it was sent');
  } else {
    await fill(place, values);
    const [response] = await Promise.all([
      page.waitForResponse((response) => response.request().method() === 'POST'),
      replaced(page, () => place.locator('button[type=submit]').click()),
    ]);
    assert.equal(response.status(), 400);
    await page.locator('#main .notice[role=alert]').first().waitFor();
  }
  for (const [name, text] of Object.entries(says)) {
    const input = place.locator(`[name="${name}"]`);
    const error = page.locator(`[id="${await input.getAttribute('id')}-error"]`);
    const said = (await error.textContent()).trim();
    assert.ok(text.split('|').some((one) => said.startsWith(one)), `${name}: ${said}`);
    assert.equal(await input.getAttribute('aria-invalid'), 'true', name);
    assert.ok((await input.getAttribute('aria-describedby')).split(' ').includes(await error.getAttribute('id')), name);
    // What was typed is still there, but for passwords, which a page never holds.
    const isPassword = (await input.getAttribute('type')) === 'password';
    assert.equal(await input.inputValue(), isPassword && !js ? '' : values[name] ?? '', name);
  }
  const others = await place.locator('[aria-invalid=true]').count();
  assert.equal(others, Object.keys(says).length);
  if (js) {
    const [first] = Object.keys(says);
    assert.equal(await page.evaluate(() => document.activeElement?.name), first);
  }
}

test('wrong input: /reset-password', BOTH, async (visitor) => {
  const { page, js } = visitor;
  const { email } = await member(visitor);
  await visitor.context.clearCookies();
  await page.goto('/forgot-password');
  await send(page, form('/forgot-password'), { email });
  await page.goto(await link(email, 'reset-password'));
  await judged(page, js, page.locator(form('/reset-password')), {
    values: { password: PASSWORD, confirmPassword: `${PASSWORD}!` },
    says: { confirmPassword: "Passwords don't match" },
  });
  // The link still works.
  await send(page, form('/reset-password'), { password: PASSWORD, confirmPassword: PASSWORD });
  await notice(page, 'Your new password is saved.');
});

test('what only the server knows: a taken address, a wrong password', BOTH, async (visitor) => {
  const { page, js } = visitor;
  const { email, name } = await member(visitor);
  await page.goto('/account');
  await send(page, doing('password'), { currentPassword: 'not this one', newPassword: 'a fresh and quiet place' });
  await page.locator('#main .notice[role=alert]').waitFor();
  if (js) assert.equal(await page.evaluate(() => document.activeElement?.matches('[data-focus]')), true);
  if (js) await axe(page, '/account with a wrong password');
  await visitor.context.clearCookies();

  await page.goto('/register');
  const [taken] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === 'POST'),
    send(page, form('/register'), { name, email, password: PASSWORD }),
  ]);
  assert.equal(taken.status(), 409);
  assert.equal(await page.locator('#main [name=email]').inputValue(), email);
  assert.equal(await page.locator('#main [name=password]').inputValue(), '');
  if (js) await axe(page, '/register with a taken address');

  await page.goto('/login');
  const [refused] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === 'POST'),
    send(page, form('/login'), { email, password: 'not this one' }),
  ]);
  assert.equal(refused.status(), 401);
  assert.equal(await page.locator('#main [name=email]').inputValue(), email);
  if (js) await axe(page, '/login refused');
  await send(page, form('/login'), { email, password: PASSWORD });
  await page.waitForSelector('html[data-signed-in="1"]');
});

test('as one types: an error goes when it is mended, and the meter says how good a password is', ON, async ({ page }) => {
  await page.goto('/register');
  await coreIsReady(page);
  const email = page.locator('#main [name=email]');
  const error = page.locator('#email-error');
  await email.fill('ada@');
  await email.blur();
  await page.waitForFunction(() => document.querySelector('#email-error').textContent !== '');
  await email.pressSequentially('example.com');
  await page.waitForFunction(() => document.querySelector('#email-error').textContent === '');
  assert.equal(await email.getAttribute('aria-invalid'), null);
  assert.equal(await error.textContent(), '');

  const password = page.locator('#main [name=password]');
  const meter = page.locator('#main [data-meter-for]');
  assert.equal(await meter.isVisible(), false);
  const level = async (text) => {
    await password.fill(text);
    return meter.getAttribute('data-level');
  };
  assert.deepEqual([await level('abc'), await level('password1'), await level('ada@example.com')], ['0', '0', '0']);
  assert.equal(await level('abcdefgh1'), '0');
  assert.equal(await level('correct horse battery staple'), '4');
  assert.equal(await meter.isVisible(), true);
  assert.notEqual(await meter.textContent(), '');
});

test('a password can be shown, and is none that is shown when it is sent', ON, async (visitor) => {
  const { page } = visitor;
  const { email, password } = await member(visitor);
  await visitor.context.clearCookies();
  await page.goto('/login');
  const input = page.locator('#main [name=password]');
  const button = page.locator('#main [data-reveal]');
  await input.fill(password);
  await button.click();
  assert.deepEqual([await input.getAttribute('type'), await button.getAttribute('aria-pressed')], ['text', 'true']);
  await page.route('**/login', async (route) => {
    if (route.request().method() === 'POST') assert.equal(await input.getAttribute('type'), 'password');
    await route.continue();
  });
  await send(page, form('/login'), { email });
  await page.waitForSelector('html[data-signed-in="1"]');
});

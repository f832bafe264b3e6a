// The whole journey, as somebody new makes it.

import { BOTH, assert, at, axe, coreIsReady, doing, form, link, notice, person, replaced, send, signedIn, test } from './harness.mjs';

test('the journey: register, verify, edit the profile, change the password, end a session, forget, reset, sign out', BOTH, async (visitor) => {
  const { page, js } = visitor;
  const { name, email, password } = person();
  const inspect = (state) => (js ? axe(page, state) : undefined);
  const step = (what) => console.log(`       ${js ? 'on ' : 'off'} ${what}`);

  await page.goto('/');
  await signedIn(page, false);
  await inspect('/ for nobody');
  await replaced(page, () => page.locator('#main a[href="/register"]').click());
  await inspect('/register');
  if (js) await coreIsReady(page);
  await send(page, form('/register'), { name, email, password });
  await at(page, '/');
  await signedIn(page, true);
  await notice(page, 'Your account is ready.');
  assert.equal(await page.locator('#main dd', { hasText: email }).count(), 1);
  await inspect('/ unverified');
  step('registered');

  const verify = await link(email, 'verify-email');
  await page.goto(verify);
  // A scanner that opens the link spends nothing, and where there is a script the token doesn't stay in the address.
  assert.equal(new URL(page.url()).search.includes('token'), !js);
  await inspect('/verify-email with a token');
  await send(page, form('/verify-email'), {});
  await at(page, '/');
  await notice(page, 'Your e-mail address is confirmed.');
  await page.locator('#main .badge.good', { hasText: 'confirmed' }).waitFor();
  await inspect('/ verified');
  step('verified by the mail');

  await replaced(page, () => page.locator('#bar a[href="/profile/edit"]').click());
  await send(page, form('/profile/edit'), { phone: '+49 30 1234567', position: 'Analyst' });
  await notice(page, 'Saved.');
  assert.equal(await page.locator('#main [name=phone]').inputValue(), '+49301234567');
  step('edited the profile');

  await page.goto('/account');
  await inspect('/account');
  const changed = 'another quiet place by the sea';
  await send(page, doing('password'), { currentPassword: password, newPassword: changed });
  await at(page, '/account');
  await notice(page, 'Your password is changed.');
  await inspect('/account done');
  step('changed the password');

  // Elsewhere, with the new password.
  const other = await visitor.context.browser().newContext({ baseURL: new URL(page.url()).origin, javaScriptEnabled: js, locale: 'en-US' });
  const far = await other.newPage();
  await far.goto('/sessions');
  await at(far, '/login');
  assert.equal(new URL(far.url()).searchParams.get('next'), '/sessions');
  await send(far, form('/login'), { email, password: changed, rememberMe: true });
  await at(far, '/sessions');
  assert.equal(await far.locator('#main li.card').count(), 2);
  await page.goto('/sessions');
  await inspect('/sessions');
  assert.equal(await page.locator('#main li.card').count(), 2);
  const theirs = page.locator('#main li.card').filter({ hasNot: page.locator('.badge') });
  await replaced(page, () => theirs.locator('button[type=submit]').click());
  await notice(page, 'The session is ended.');
  assert.equal(await page.locator('#main li.card').count(), 1);
  // What the instance remembers of a session is at most five seconds old; its refresh is refused at once.
  await other.clearCookies({ name: 'doorward_access' });
  await far.goto('/account');
  await at(far, '/login');
  await other.close();
  step('saw and ended a session');

  await replaced(page, () => page.locator('#bar form[action="/logout"] button').click());
  await at(page, '/login');
  await notice(page, 'You are signed out.');
  await signedIn(page, false);
  await inspect('/login signed out');
  step('signed out');

  await replaced(page, () => page.locator('#main a[href="/forgot-password"]').click());
  await inspect('/forgot-password');
  await send(page, form('/forgot-password'), { email });
  await notice(page, 'a mail with a link is on its way');
  await inspect('/forgot-password done');
  await page.goto(await link(email, 'reset-password'));
  assert.equal(new URL(page.url()).search.includes('token'), !js);
  await inspect('/reset-password with a token');
  const third = 'a third quiet place by the sea';
  await send(page, form('/reset-password'), { password: third, confirmPassword: third });
  await at(page, '/login');
  await notice(page, 'Your new password is saved.');
  step('forgot and reset the password');

  await send(page, form('/login'), { email, password: third });
  await at(page, '/');
  await signedIn(page, true);
  await page.goto('/logout');
  await inspect('/logout');
  await send(page, form('/logout'), {});
  await at(page, '/login');
  await signedIn(page, false);
  step('signed in and out again');
});

test('deleting the account, and an invitation to nobody', BOTH, async (visitor) => {
  const { page, js } = visitor;
  const { name, email, password } = person();
  await page.goto('/register');
  await send(page, form('/register'), { name, email, password });
  await page.goto('/account');
  await page.locator('#main details summary').click();
  if (js) await axe(page, '/account with everything open');
  await send(page, doing('delete'), { password });
  await at(page, '/');
  await notice(page, 'Your account is deleted.');
  await signedIn(page, false);
  await page.goto('/login');
  await send(page, form('/login'), { email, password });
  await at(page, '/login');
  await signedIn(page, false);
});

test('another address: it takes effect by the mail to it', BOTH, async (visitor) => {
  const { page } = visitor;
  const { name, email, password } = person();
  const fresh = person().email;
  await page.goto('/register');
  await send(page, form('/register'), { name, email, password });
  await page.goto('/account');
  await send(page, doing('email'), { newEmail: fresh, password });
  await notice(page, 'a mail with a link is on its way');
  await page.goto(await link(fresh, 'verify-email'));
  await send(page, form('/verify-email'), {});
  await at(page, '/');
  assert.equal(await page.locator('#main dd', { hasText: fresh }).count(), 1);
});

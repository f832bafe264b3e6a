// Several tabs of one browser, its history, and its language.

import { BOTH, ON, assert, at, form, host, member, notice, replaced, send, signedIn, test } from './harness.mjs';

test('two tabs whose access cookie is gone both stay signed in, with one session', BOTH, async (visitor) => {
  const { page, context } = visitor;
  const { email } = await member(visitor);
  const other = await visitor.tab();
  for (const spoilt of ['gone', 'spoilt', 'gone', 'spoilt']) {
    // A browser drops the cookie when the token in it ends.
    const [access] = (await context.cookies()).filter(({ name }) => name === 'doorward_access');
    if (spoilt === 'gone') await context.clearCookies({ name: access.name });
    else await context.addCookies([{ ...access, value: `${access.value.slice(0, -4)}AAAA` }]);
    await Promise.all([page.goto('/sessions'), other.goto('/')]);
    await signedIn(page, true);
    await signedIn(other, true);
    assert.equal(new URL(page.url()).pathname, '/sessions');
    assert.equal(await page.locator('#main li.card').count(), 1);
    assert.equal(await other.locator('#main dd', { hasText: email }).count(), 1);
  }
});

test('a form that is sent with an access cookie that is gone is carried out', BOTH, async (visitor) => {
  const { page, context } = visitor;
  await member(visitor);
  await page.goto('/sessions');
  await context.clearCookies({ name: 'doorward_access' });
  await replaced(page, () => page.locator('#main li.card button[type=submit]').click());
  await at(page, '/login');
  await notice(page, 'You are signed out.');
});

test('a link on another site finds who is signed in, also when the access cookie is gone', BOTH, async (visitor) => {
  const { page, context } = visitor;
  await member(visitor);
  const link = `<!DOCTYPE html><title>Elsewhere</title><a href="${host.url}/sessions">There</a>`;
  await context.route('http://elsewhere.example/', (route) => route.fulfill({ contentType: 'text/html', body: link }));
  await page.goto('http://elsewhere.example/');
  await context.clearCookies({ name: 'doorward_access' });
  const refresh = async () => (await context.cookies(host.url)).find(({ name }) => name === 'doorward_refresh').value;
  const before = await refresh();
  const [first] = await Promise.all([page.waitForResponse(`${host.url}/sessions`), page.locator('a').click()]);
  // What the other site has brought about uses up nothing; the page that asks for itself does.
  assert.equal(first.headers().refresh, '0');
  await signedIn(page, true);
  await at(page, '/sessions');
  assert.equal(await page.locator('#main li.card').count(), 1);
  assert.notEqual(await refresh(), before);
  // It took no place in the history.
  await page.goBack();
  assert.equal(await page.title(), 'Elsewhere');
});

test('signing out in one tab shows in the other, and so does signing in', ON, async (visitor) => {
  const { page } = visitor;
  const { email, password } = await member(visitor);
  const other = await visitor.tab();
  await page.goto('/');
  await other.goto('/sessions');
  await signedIn(other, true);
  await replaced(page, () => page.locator('#bar form[action="/logout"] button').click());
  await signedIn(page, false);
  // Nobody touches the other tab.
  await signedIn(other, false);
  await at(other, '/login');
  await send(page, form('/login'), { email, password });
  await signedIn(page, true);
});

test('signing out in one tab: the next request of the other finds nobody', BOTH, async (visitor) => {
  const { page } = visitor;
  await member(visitor);
  const other = await visitor.tab();
  await other.goto('/account');
  await page.goto('/logout');
  await send(page, form('/logout'), {});
  await at(page, '/login');
  // With JavaScript the other tab leaves by itself; without, by its next request.
  if (visitor.js) await at(other, '/login');
  await other.goto('/account');
  await at(other, '/login');
});

test('the back button after signing out shows nothing of what was there', BOTH, async (visitor) => {
  const { page } = visitor;
  const { email } = await member(visitor);
  await page.goto('/');
  await page.goto('/sessions');
  await replaced(page, () => page.locator('#bar form[action="/logout"] button').click());
  await at(page, '/login');
  await page.goBack();
  await signedIn(page, false);
  await page.waitForLoadState('load');
  assert.equal(await page.locator('#main li.card').count(), 0);
  await page.goBack();
  await signedIn(page, false);
  assert.ok(!(await page.content()).includes(email));
});

test('back and forward between pages that a form led to', ON, async (visitor) => {
  const { page } = visitor;
  const { email } = await member(visitor);
  await visitor.context.clearCookies();
  await page.goto('/login');
  await send(page, form('/login'), { email, password: 'not this one' });
  assert.equal(await page.evaluate(() => history.length), 2, 'a refused form is no page of its own');
  await replaced(page, () => page.locator('#main a[href="/forgot-password"]').click());
  await send(page, form('/forgot-password'), { email });
  await notice(page, 'on its way');
  await page.goBack();
  await at(page, '/login');
  await page.goForward();
  await at(page, '/forgot-password');
});

test('another language stays, for the pages and their errors', BOTH, async (visitor) => {
  const { page, js } = visitor;
  await page.goto('/login');
  assert.equal(await page.getAttribute('html', 'lang'), 'en');
  await replaced(page, () => page.locator('#foot a[hreflang=de]').click());
  assert.equal(await page.getAttribute('html', 'lang'), 'de');
  await page.goto('/forgot-password');
  assert.equal(await page.getAttribute('html', 'lang'), 'de');
  const submit = () => page.locator(form('/forgot-password')).locator('button[type=submit]').click();
  await page.locator('#main [name=email]').fill('ada@');
  if (js) await submit();
  else await replaced(page, submit);
  await page.locator('#main [name=email][aria-invalid=true]').waitFor();
  assert.match(await page.locator('#email-error').textContent(), /gültige/);
});

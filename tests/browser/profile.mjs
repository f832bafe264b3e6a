// The profile, and what an admin does with other people.

import { BOTH, PASSWORD, assert, at, axe, form, member, notice, send, shows, signedIn, sql, test } from './harness.mjs';

test('the profile: what is saved is there afterwards, and can be taken away again', BOTH, async (visitor) => {
  const { page, js } = visitor;
  const { email } = await member(visitor);
  await page.goto('/profile/edit');
  if (js) await axe(page, '/profile/edit');
  await send(page, form('/profile/edit'), { name: 'Ada King', phone: '+49 (30) 123-45.67', department: 'Research', position: 'Analyst' });
  await at(page, '/profile/edit');
  await notice(page, 'Saved.');
  const value = (name) => page.locator(`#main [name="${name}"]`).inputValue();
  assert.deepEqual([await value('name'), await value('phone'), await value('department')], ['Ada King', '+49301234567', 'Research']);
  if (js) await axe(page, '/profile/edit saved');
  await send(page, form('/profile/edit'), { phone: '' });
  await notice(page, 'Saved.');
  // Another instance may remember the person as they were, for five seconds.
  await shows(page, '/', '#main h1', 'Ada King');
  await shows(page, '/', '#main dd', 'Research');
  assert.equal(await page.locator('#main dd', { hasText: email }).count(), 1);
});

test('the profile of a mentor and of a mentee', BOTH, async (visitor) => {
  const { page, js } = visitor;
  for (const [role, values] of [
    ['mentor', { headline: 'Listens first', bio: 'Two lines,\nof which this is the second', expertise: 'Rust, SQL' }],
    ['mentee', { goals: 'To learn' }],
  ]) {
    await visitor.context.clearCookies();
    await member(visitor, { role });
    await page.goto('/profile/edit');
    if (js) await axe(page, `/profile/edit of a ${role}`);
    await send(page, form('/profile/edit'), values);
    await notice(page, 'Saved.');
    for (const [name, value] of Object.entries(values)) {
      assert.equal(await page.locator(`#main [name="${name}"]`).inputValue(), value);
    }
    // A browser knows where it is; it is taken along only where there are hours.
    if (js && role === 'mentor') assert.equal(await page.locator('#main [name=timeZone]').inputValue(), 'UTC');
  }
});

test('the administration: finding somebody, suspending, and who may not', BOTH, async (visitor) => {
  const { page, js } = visitor;
  const somebody = await member(visitor);
  // Who is no admin finds nothing there.
  const refused = await page.goto('/admin');
  assert.ok([403, 404].includes(refused.status()), String(refused.status()));
  if (js) await axe(page, '/admin for nobody of theirs');
  await visitor.context.clearCookies();

  const admin = await member(visitor);
  await sql("UPDATE users SET role = 'admin' WHERE email = $1", [admin.email]);
  await visitor.context.clearCookies();
  await page.goto('/login?next=/admin');
  await send(page, form('/login'), { email: admin.email, password: PASSWORD });
  await at(page, '/admin');
  if (js) await axe(page, '/admin');
  const search = page.locator('#main form[role=search]');
  await search.locator('[name=q]').fill(somebody.email);
  await search.locator('button[type=submit]').click();
  await page.waitForURL((url) => url.searchParams.get('q') === somebody.email);
  await page.locator('#main tbody tr').first().waitFor();
  assert.equal(await page.locator('#main tbody tr').count(), 1);
  await page.locator('#main tbody a').click();
  const person = '#main form:has(input[name=do][value=access])';
  await page.locator(person).waitFor();
  if (js) await axe(page, '/admin/users/{id}');
  await page.locator(person).locator('[name=status]').selectOption('suspended');
  await send(page, person, {});
  await notice(page, 'The change is in force.');
  if (js) await axe(page, '/admin/users/{id} changed');
  for (const path of ['/admin/events', '/admin/firms', '/admin']) {
    await page.setViewportSize({ width: 360, height: 740 });
    const response = await page.goto(path);
    assert.equal(response.status(), 200);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `${path} is ${wide} pixels wide`);
    if (js) await axe(page, `${path} on a phone`);
  }
  await page.goto('/logout');
  await send(page, form('/logout'), {});

  await page.goto('/login');
  const [suspended] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === 'POST'),
    send(page, form('/login'), { email: somebody.email, password: PASSWORD }),
  ]);
  assert.equal(suspended.status(), 403);
  await signedIn(page, false);
});

// For everybody: the keyboard alone, a narrow phone, the dark, no shifts of layout, and how much there is to load.

import { gzipSync } from 'node:zlib';

import { BOTH, ON, assert, axe, coreIsReady, form, host, member, person, signedIn, test } from './harness.mjs';

const OPEN = ['/', '/login', '/register', '/forgot-password', '/verify-email', '/reset-password', '/reset-password?token=x', '/verify-email?token=x', '/nothing/here'];
const PRIVATE = ['/', '/account', '/sessions', '/logout', '/profile/edit'];
// Of a page, gzipped, before the core for the browser.
const MOST = 50_000;

test('360 and 1280 pixels, light and dark: nothing has to be scrolled sideways, nothing moves', ON, async (visitor) => {
  const { page, context } = visitor;
  await context.addInitScript(() => {
    const shifts = [];
    const note = (entries) => {
      for (const { hadRecentInput, value, sources } of entries) {
        if (!hadRecentInput) shifts.push(`${value} by ${sources.map(({ node }) => node?.outerHTML ?? node?.nodeName).join(', ')}`);
      }
    };
    const observer = new PerformanceObserver((list) => note(list.getEntries()));
    observer.observe({ type: 'layout-shift', buffered: true });
    // What is painted is in the list one frame later.
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    window.shifts = async () => {
      for (let frames = 0; frames < 3; frames += 1) await frame();
      note(observer.takeRecords());
      return shifts;
    };
  });
  // The worst case: what the script does comes after what was painted without it.
  await page.route('**/assets/app.*.js', async (route) => {
    await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
    await route.continue();
  });
  for (const [paths, prepare] of [[OPEN, async () => {}], [PRIVATE, () => member(visitor)]]) {
    await prepare();
    for (const path of paths) {
      for (const [width, colorScheme] of [[360, 'light'], [1280, 'dark']]) {
        await page.setViewportSize({ width, height: 740 });
        await page.emulateMedia({ colorScheme });
        await page.goto(path);
        if (await page.locator('#main form [data-check]').count()) await page.waitForSelector('html[data-core=ready]');
        const { wide, shifts, ground } = await page.evaluate(async () => ({
          wide: document.documentElement.scrollWidth,
          shifts: await window.shifts(),
          ground: getComputedStyle(document.body).backgroundColor,
        }));
        assert.ok(wide <= width, `${path} is ${wide} pixels wide on ${width}`);
        assert.deepEqual(shifts, [], `${path} moves at ${width}`);
        const [red, green, blue] = ground.match(/[\d.]+/g).map(Number);
        assert.equal(red + green + blue < 3 * 128, colorScheme === 'dark', `${path}: ${ground} in ${colorScheme}`);
      }
    }
  }
});

test('text at twice the size still fits a phone', ON, async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  for (const path of OPEN) {
    await page.goto(path);
    await page.evaluate(() => { document.documentElement.style.fontSize = '200%'; });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `${path} is ${wide} pixels wide`);
  }
});

test('every page weighs less than 50 kB before the core for the browser', ON, async (visitor) => {
  const { page } = visitor;
  const weights = [];
  for (const [paths, prepare] of [[OPEN, async () => {}], [PRIVATE, () => member(visitor)]]) {
    await prepare();
    for (const path of paths) {
      const loaded = [];
      const note = (response) => loaded.push(response);
      page.on('response', note);
      await page.goto(path);
      page.off('response', note);
      let sum = 0;
      for (const response of loaded) {
        const isCore = response.url().includes('/assets/core.');
        const hasBody = response.status() < 300 || response.status() >= 400;
        if (!isCore && hasBody && response.url().startsWith(host.url)) sum += gzipSync(await response.body(), { level: 9 }).length;
      }
      weights.push([path, sum]);
      assert.ok(sum > 0 && sum < MOST, `${path}: ${sum}`);
    }
  }
  console.log(`       ${weights.map(([path, sum]) => `${path} ${(sum / 1000).toFixed(1)} kB`).join(', ')}`);

  await page.goto('/register');
  const core = await page.evaluate(() => ({ ...document.documentElement.dataset }));
  const sizes = [];
  for (const path of [core.coreJs, core.coreWasm]) {
    const body = Buffer.from(await (await fetch(host.url + path)).arrayBuffer());
    sizes.push(gzipSync(body, { level: 9 }).length);
  }
  console.log(`       the core for the browser: ${sizes.map((size) => `${(size / 1000).toFixed(1)} kB`).join(' + ')}`);
  assert.ok(sizes[0] + sizes[1] < 100_000);
});

test('the core is loaded late: by the first field that is touched, or when nothing else is to do', ON, async ({ page }) => {
  const asked = [];
  page.on('request', (request) => request.url().includes('/assets/core.') && asked.push(request.url()));
  await page.goto('/');
  await page.waitForLoadState('networkidle');
  assert.deepEqual(asked, [], 'a page without fields needs none');
  await page.goto('/register');
  await coreIsReady(page);
  assert.equal(asked.length, 2);
  const kept = await page.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => name.includes('/assets/')).map(({ name }) => name));
  for (const address of kept) {
    const response = await fetch(address);
    assert.equal(response.headers.get('cache-control'), address.includes('brand') ? response.headers.get('cache-control') : 'public, max-age=31536000, immutable', address);
  }
});

test('the keyboard alone: everything can be reached, seen, and used', BOTH, async (visitor) => {
  const { page } = visitor;
  const { email, password } = await member(visitor);
  await visitor.context.clearCookies();
  await page.goto('/login');
  const focused = () => page.evaluate(() => {
    const { activeElement: element } = document;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    return { name: element.name ?? '', tag: element.tagName, href: element.getAttribute('href'), shown: (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none' };
  });
  const tabTo = async (is) => {
    for (let steps = 0; steps < 30; steps += 1) {
      await page.keyboard.press('Tab');
      const found = await focused();
      assert.ok(found.tag === 'BODY' || found.shown, `nothing shows that ${JSON.stringify(found)} has the focus`);
      if (is(found)) return found;
    }
    throw new Error('the keyboard never gets there');
  };
  // The first thing leads past all that comes before the content.
  await tabTo(({ href }) => href === '#main');
  await page.keyboard.press('Enter');
  await tabTo(({ name }) => name === 'email');
  await page.keyboard.type(email);
  await tabTo(({ name }) => name === 'password');
  await page.keyboard.type(password);
  await tabTo(({ name }) => name === 'rememberMe');
  await page.keyboard.press('Space');
  assert.equal(await page.locator('#main [name=rememberMe]').isChecked(), true);
  await page.keyboard.press('Enter');
  await signedIn(page, true);
  // Out again.
  await page.goto('/logout');
  await tabTo(({ tag, name }) => tag === 'BUTTON' && name === '');
  await page.keyboard.press('Enter');
  await signedIn(page, false);
});

test('what a password manager looks for is there, and what a screen reader says has a name', ON, async ({ page }) => {
  await page.goto('/login');
  const complete = (name) => page.locator(`#main [name=${name}]`).getAttribute('autocomplete');
  assert.deepEqual([await complete('email'), await complete('password')], ['username', 'current-password']);
  await page.goto('/register');
  assert.deepEqual([await complete('name'), await complete('email'), await complete('password')], ['name', 'username', 'new-password']);
  assert.equal(await page.locator('#main [name=email]').getAttribute('inputmode'), 'email');
  const response = await page.goto('/.well-known/change-password');
  assert.equal(new URL(response.url()).pathname, '/login');

  await page.goto('/register');
  await page.getByRole('main').getByRole('textbox', { name: 'E-mail address' }).fill('x');
  await page.getByRole('button', { name: 'Create account' }).waitFor();
  await page.getByRole('heading', { level: 1 }).waitFor();
  await axe(page, '/register while it is filled in');
});

test('less motion where less is wanted, and forced colours', ON, async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce', forcedColors: 'active' });
  await page.goto('/register');
  const moving = await page.evaluate(() => [...document.querySelectorAll('*')].filter((element) => {
    const { transitionDuration, animationDuration } = getComputedStyle(element);
    return [transitionDuration, animationDuration].some((text) => text.split(',').some((one) => parseFloat(one) > 0.01));
  }).map((element) => element.outerHTML.slice(0, 80)));
  assert.deepEqual(moving, []);
  await page.locator(form('/register')).locator('button[type=submit]').focus();
  const seen = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== 'none');
  assert.equal(seen, true);
});

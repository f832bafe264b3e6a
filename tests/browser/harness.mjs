// What the cases have in common: cases one after the other, the browser, forms, the mailbox and the database.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa'];
// No case waits longer for anything. The machine may be small and busy.
const PATIENCE = 20_000;

export function required(name) {
  const value = process.env[name];
  if (!value) {
    console.error(`${name} is not set; \`cargo xtask test\` sets it`);
    process.exit(2);
  }
  return value;
}

export const host = { name: required('HOST_NAME'), url: required('HOST_URL') };
export const PASSWORD = 'a quiet place by the sea';

// Cases.

const cases = [];

// `modes` says whether it runs with JavaScript, without, or both.
export function test(name, modes, body) {
  for (const js of modes) cases.push({ name, js, body });
}
export const BOTH = [true, false];
export const ON = [true];
export const OFF = [false];

const counts = { axe: 0, states: new Set() };

export async function report() {
  const browser = await chromium.launch({
    executablePath: required('CHROMIUM'),
    args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
  });
  console.log(`Chromium ${browser.version()} on ${host.name}`);
  const chosen = cases.filter(({ name }) => name.includes(process.env.CASES ?? ''));
  let failed = 0;
  for (const { name, js, body } of chosen) {
    const label = `${host.name}, JavaScript ${js ? 'on ' : 'off'}: ${name}`;
    const visitor = await Visitor.arrive(browser, js);
    const started = Date.now();
    try {
      await body(visitor);
      visitor.check();
      console.log(`ok   ${label} (${Date.now() - started} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${label}\n${String(error?.stack ?? error).replace(/^/gm, '     | ')}`);
      await visitor.picture(`${name}-${js ? 'on' : 'off'}`);
    } finally {
      await visitor.context.close();
    }
  }
  await browser.close();
  if (counts.states.size) console.log(`axe: ${counts.axe} violations in ${counts.states.size} states, each in light and dark`);
  console.log(`${chosen.length - failed} passed, ${failed} failed`);
  return failed === 0 && cases.length > 0 ? 0 : 1;
}

// Somebody with a browser of their own: cookies, storage and history.
export class Visitor {
  static async arrive(browser, js) {
    const visitor = new Visitor();
    visitor.js = js;
    visitor.context = await browser.newContext({ baseURL: host.url, javaScriptEnabled: js, locale: 'en-US', timezoneId: 'UTC' });
    visitor.context.setDefaultTimeout(PATIENCE);
    visitor.problems = [];
    visitor.expected = [];
    visitor.context.on('console', (message) => {
      if (message.type() === 'error') visitor.problems.push(message.text());
    });
    visitor.context.on('weberror', (error) => visitor.problems.push(String(error.error())));
    visitor.page = await visitor.context.newPage();
    return visitor;
  }

  // Another tab of the same browser.
  tab() {
    return this.context.newPage();
  }

  // Nothing may be wrong in the console: a refused script, a file that isn't there. Chromium also notes there every
  // answer of 400 and more to a fetch, and those that a case is about are none of that.
  check() {
    const wrong = this.problems.filter((text) => !/^Failed to load resource: the server responded with a status of (4\d\d|503)/.test(text));
    assert.deepEqual(wrong.filter((text) => !this.expected.some((part) => text.includes(part))), []);
  }

  async picture(name) {
    const folder = process.env.PICTURES;
    const file = `${host.name}-${name.replace(/[^a-z0-9]+/gi, '-')}.png`;
    for (const page of this.context.pages()) {
      console.log(`     | at ${page.url()}`);
      if (folder) await page.screenshot({ path: `${folder}/${file}` }).catch(() => {});
    }
  }
}

// Forms.

// Marks what is there, acts, and waits until something else stands in its place: a fresh page, or a fresh `#main`.
export async function replaced(page, act) {
  await page.locator('#main').evaluate((main) => main.setAttribute('data-before', ''));
  await act();
  await page.waitForSelector('#main:not([data-before])', { state: 'attached' });
  await page.waitForLoadState('load');
}

export async function fill(form, values) {
  for (const [name, value] of Object.entries(values)) {
    const input = form.locator(`[name="${name}"]`);
    if (typeof value === 'boolean') await input.setChecked(value);
    else await input.fill(value);
  }
}

// Fills a form in and sends it. Answers when the next page is there.
export async function send(page, selector, values) {
  const form = page.locator(selector);
  await fill(form, values);
  await replaced(page, () => form.locator('button[type=submit]').click());
}

export const form = (action) => `#main form[action^="${action}"]`;
export const doing = (what) => `#main form:has(input[name=do][value=${what}])`;

// The core for the browser is there: forms are judged before they are sent.
export async function coreIsReady(page) {
  await page.locator('#main input:not([type=hidden]):visible').first().focus();
  await page.waitForSelector('html[data-core=ready]');
}

export async function notice(page, text) {
  const found = page.locator('#main .notice', { hasText: text });
  await found.first().waitFor();
}

// What a change leads to is seen at the latest when the bound has passed within which instances may remember (five seconds).
export async function shows(page, path, selector, text) {
  const until = Date.now() + 6_000;
  do {
    await page.goto(path);
    if (await page.locator(selector, { hasText: text }).count()) return;
  } while (Date.now() < until);
  throw new Error(`${path} doesn't show ${text}`);
}

export async function at(page, path) {
  await page.waitForURL((url) => url.pathname === path);
}

export async function signedIn(page, yes) {
  await page.waitForSelector(`html[data-signed-in="${yes ? 1 : 0}"]`);
}

// People.

export function person() {
  return { name: 'Ada Lovelace', email: `ada-${crypto.randomUUID()}@example.com`, password: PASSWORD };
}

// Somebody who is registered already, and signed in in this context: by the API, because the page has its own case.
export async function member(visitor, more = {}) {
  const someone = { ...person(), ...more };
  const response = await visitor.context.request.post('/api/auth/register', { data: someone });
  assert.equal(response.status(), 201, await response.text());
  return someone;
}

// Mail.

const gateway = required('GATEWAY_URL');
const bearer = { authorization: `Bearer ${required('GATEWAY_TOKEN')}` };

// The link in the newest mail to an address that opens this page; waits until there is one that isn't `not`.
export async function link(email, path, not) {
  const until = Date.now() + PATIENCE;
  while (Date.now() < until) {
    const response = await fetch(`${gateway}/emails?to=${encodeURIComponent(email)}`, { headers: bearer });
    assert.equal(response.status, 200, await response.clone().text());
    for (const { text } of (await response.json()).data) {
      const found = text.match(new RegExp(`\\S*${path}\\?token=[^\\s<>()]+`))?.[0];
      if (found && found !== not) return found;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no mail with a link to ${path} for ${email}`);
}

// The database, through the gateway.
export async function sql(query, params) {
  const response = await fetch(`${gateway}/sql`, {
    method: 'POST',
    headers: { ...bearer, 'content-type': 'application/json', 'neon-connection-string': required('DATABASE_URL') },
    body: JSON.stringify({ query, params }),
  });
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()).rows;
}

// Looks.

// Nothing that keeps people out, in light and in dark.
export async function axe(page, state) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(`window.axe || (() => { ${AXE} })()`);
    const found = await page.evaluate(async ([tags, dark]) => {
      const all = { type: 'tag', values: tags };
      // What the scheme changes is colours.
      const runOnly = dark ? { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } : all;
      const { violations } = await window.axe.run(document, { runOnly, resultTypes: ['violations'] });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.any.concat(node.all).map((check) => check.message)}`).join('; ')}`);
    }, [RULES, colorScheme === 'dark']);
    counts.axe += found.length;
    counts.states.add(state);
    assert.deepEqual(found, [], `${state}, ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

export { assert };

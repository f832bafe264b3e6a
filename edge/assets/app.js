// Makes the pages better where there is JavaScript; all of them work without. It needs nothing but this markup:
//
//   <html data-signed-in="1|0" data-core-js data-core-wasm>   what the page knows, and where the core for the browser is
//   <script type="application/json" id="messages">            texts by code, in the page's language; also "network" and
//                                                             "strength_0" to "strength_4"; "kind.code" comes before "code"
//   <form method="post" data-enhance>                         is sent by fetch; the page that answers takes this one's place
//   <input data-check="kind" aria-describedby="x-error">      is held to the core's rules; data-same-as names its twin
//   <p id="x-error">                                          says what is wrong
//   <button data-busy-text>, <button data-reveal="id" hidden>, <div data-meter-for="id" hidden>
//   <time datetime>, <input data-time-zone>                   are put into, and filled in with, what the person's system says
//   [data-focus]                                              is what a new page wants to be read first
const root = document.documentElement;
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
// With one slash in front, or a browser takes what follows for another site.
const own = (pathname) => pathname.replace(/^\/+/, '/');
const path = () => own(location.pathname) + location.search;
// What is judged before it is sent.
const FIELDS = '[data-check], [required]';

let texts = {};
let here = '';

// The core: loaded when somebody begins to fill in a form, or when there is nothing else to do.
let core;
let loading;

function load() {
  const { coreJs, coreWasm } = root.dataset;
  if (coreJs && coreWasm) {
    loading ??= import(coreJs)
      .then(async (module) => {
        await module.default({ module_or_path: coreWasm });
        core = module;
        root.dataset.core = 'ready';
        all('[data-meter-for]').forEach(measure);
      })
      // Then the server alone says what is wrong.
      .catch(() => {});
  }
}

// What is wrong with a field, as codes.
function problems(input) {
  const { check, sameAs } = input.dataset;
  const value = input.value;
  if (!value) return input.required ? ['required'] : [];
  if (sameAs) return value === valueOf(input.form, sameAs) ? [] : ['mismatch'];
  return check && known(value) ? core.check(check, value, ...owner(input.form)).split(' ').filter(Boolean) : [];
}

// Characters that this browser's Unicode doesn't know are for the server to judge.
const known = (value) => core && !/\p{Cn}/u.test(value);
const valueOf = (form, name) => form?.elements.namedItem(name)?.value ?? '';
const owner = (form) => [valueOf(form, 'email') || valueOf(form, 'username'), valueOf(form, 'name')];

function judge(input) {
  const codes = problems(input);
  const kind = input.dataset.check;
  const error = document.getElementById(`${input.id}-error`);
  if (error) error.textContent = codes.map((code) => texts[`${kind}.${code}`] ?? texts[code] ?? code).join(' ');
  if (codes.length) input.setAttribute('aria-invalid', 'true');
  else input.removeAttribute('aria-invalid');
  return codes.length === 0;
}

// The meter beside a new password: advice.
function measure(meter) {
  const input = document.getElementById(meter.dataset.meterFor);
  if (!input || !core) return;
  meter.hidden = !input.value;
  const level = known(input.value) ? core.strength(input.value, ...owner(input.form)) : 0;
  meter.dataset.level = level;
  const text = texts[`strength_${level}`] ?? '';
  if (meter.textContent !== text) meter.textContent = text;
}

document.addEventListener('focusin', ({ target }) => {
  if (target.closest('form[data-enhance]')) load();
});

// Who passes a field by isn't shouted at, and who is about to send the form is told there.
document.addEventListener('focusout', ({ target, relatedTarget }) => {
  if (target.matches(FIELDS) && target.value && relatedTarget?.type !== 'submit') judge(target);
});

document.addEventListener('input', ({ target }) => {
  if (target.getAttribute('aria-invalid') === 'true' && target.matches(FIELDS)) judge(target);
  all('[data-meter-for]').forEach(measure);
});

document.addEventListener('click', ({ target }) => {
  const button = target.closest?.('[data-reveal]');
  const input = button && document.getElementById(button.dataset.reveal);
  if (input) reveal(button, input, input.type === 'password');
});

function reveal(button, input, shown) {
  input.type = shown ? 'text' : 'password';
  button.setAttribute('aria-pressed', shown);
}

// A form.
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!form.matches('form[data-enhance][method=post]')) return;
  event.preventDefault();
  if (form.getAttribute('aria-busy') === 'true') return;
  const wrong = all(FIELDS, form).filter((input) => !judge(input));
  if (wrong.length) wrong[0].focus();
  else send(form, event.submitter ?? form.querySelector('[type=submit]'));
});

async function send(form, button) {
  // Password managers look for fields of type password.
  for (const one of all('[data-reveal]', form)) reveal(one, document.getElementById(one.dataset.reveal), false);
  const fields = new URLSearchParams(new FormData(form));
  if (button?.name) fields.append(button.name, button.value);
  const restore = busy(form, button);
  try {
    const response = await fetch(form.getAttribute('action') || path(), {
      method: 'POST',
      body: fields,
      headers: { accept: 'text/html' },
      signal: AbortSignal.timeout(30000),
    });
    if (!response.headers.get('content-type')?.startsWith('text/html')) throw response.status;
    show(await response.text(), new URL(response.url));
  } catch {
    restore();
    unreachable(form);
  }
}

function busy(form, button) {
  const text = button?.textContent;
  form.setAttribute('aria-busy', 'true');
  if (button?.dataset.busyText) button.textContent = button.dataset.busyText;
  button?.setAttribute('aria-disabled', 'true');
  return () => {
    form.removeAttribute('aria-busy');
    button?.removeAttribute('aria-disabled');
    if (button) button.textContent = text;
  };
}

// No answer, or none of ours: what was typed stays.
function unreachable(form) {
  if (!texts.network) return form.submit();
  all('.notice', form).forEach((notice) => notice.remove());
  const notice = document.createElement('div');
  notice.className = 'notice problem';
  notice.setAttribute('role', 'alert');
  notice.tabIndex = -1;
  notice.textContent = texts.network;
  form.prepend(notice);
  notice.focus();
}

// Another page in this one's place.
function show(html, url) {
  const page = new DOMParser().parseFromString(html, 'text/html');
  const script = (of) => of.querySelector('script[type=module]')?.getAttribute('src');
  const next = plain(url);
  // There is a new version of the script: its pages want it.
  if (script(page) !== script(document)) return location.assign(url);
  document.title = page.title;
  for (const { name, value } of [...page.documentElement.attributes]) root.setAttribute(name, value);
  if (page.documentElement.dataset.signedIn === undefined) delete root.dataset.signedIn;
  document.body.className = page.body.className;
  document.body.replaceChildren(...page.body.childNodes);
  if (next !== here) {
    history.pushState(null, '', next);
    scrollTo(0, 0);
  }
  prepare();
  const first = document.querySelector('[data-focus]') ?? document.querySelector('[aria-invalid=true]') ?? document.querySelector('h1');
  if (first && first.tabIndex < 0) first.tabIndex = -1;
  first?.focus();
}

// After every page.
function prepare() {
  try {
    texts = JSON.parse(document.getElementById('messages').textContent);
  } catch {
    texts = {};
  }
  for (const form of all('form[data-enhance]')) form.noValidate = true;
  for (const button of all('[data-reveal]')) button.hidden = false;
  for (const error of all('.error')) error.setAttribute('aria-live', 'polite');
  for (const meter of all('[data-meter-for]')) meter.setAttribute('aria-live', 'polite');
  for (const time of all('time[datetime]')) {
    const at = new Date(time.dateTime);
    time.title = time.textContent;
    time.textContent = at.toLocaleString(root.lang, { dateStyle: 'medium', timeStyle: 'short' });
  }
  for (const input of all('[data-time-zone]')) input.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone;
  here = plain(new URL(location));
  if (here !== path()) history.replaceState(history.state, '', here + location.hash);
  tell();
}

// An address as it is shown and kept: a token would stay in the history, and what was done is done once.
function plain({ pathname, searchParams }) {
  const query = new URLSearchParams(searchParams);
  query.delete('token');
  query.delete('done');
  return own(pathname) + (query.size ? `?${query}` : '');
}

// Back and forward between pages that took each other's place: the server says what is there now.
addEventListener('popstate', () => {
  if (path() !== here) location.reload();
});

// Signing in or out in one tab shows in the others. The cookies are out of a script's reach: each page says what it saw.
const STATE = 'doorward-signed-in';
const RENEWED = 'doorward-renewed';
const channel = new BroadcastChannel('doorward');

function tell() {
  const mine = root.dataset.signedIn;
  if (mine === undefined || mine === stored(localStorage, STATE)) return;
  store(localStorage, STATE, mine);
  channel.postMessage(mine);
}

function renew(theirs) {
  const mine = root.dataset.signedIn;
  if (mine === undefined || !theirs || mine === theirs) return;
  // Were the server to tell two tabs two things, they would renew each other for ever.
  const now = Date.now();
  if (now - Number(stored(sessionStorage, RENEWED)) < 3000) return;
  store(sessionStorage, RENEWED, now);
  again();
}

const again = () => location.replace(path());

// Where storage is forbidden, other tabs learn of it at their next request.
function stored(storage, key) {
  try {
    return storage.getItem(key);
  } catch {
    return null;
  }
}

function store(storage, key, value) {
  try {
    storage.setItem(key, value);
  } catch {
    // As above.
  }
}

channel.onmessage = ({ data }) => renew(data);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') renew(stored(localStorage, STATE));
});
// A page that the browser kept alive is as old as it is.
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) again();
});

prepare();
if (document.querySelector('form [data-check]') && !navigator.connection?.saveData) {
  (window.requestIdleCallback ?? setTimeout)(load, { timeout: 5000 });
}

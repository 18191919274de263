// SPDX-License-Identifier: MIT
// The settings page as administrators and attackers use it: through nginx and Apache, with and without JavaScript.
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { setDefaultResultOrder } from 'node:dns';
import { HtmlValidate } from 'html-validate';
import { chromium } from 'playwright-core';

const { DIRECTORY, NGINX, APACHE, PLAIN, LOW, NOBODY, SESSION, PROMETHEUS, MARIADB, METRICS, CHROMIUM } = process.env;
const PATH = '/settings/security/prometheus-metrics';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const validator = new HtmlValidate({
  extends: ['html-validate:recommended', 'html-validate:document'],
  rules: { 'require-sri': 'off' },  // its files come from where it comes from
});
const amal = { username: 'amal', password: 'amals-password' };
const bimali = { username: 'bimali', password: 'bimalis-password' };

setDefaultResultOrder('ipv4first');  // localhost: the servers listen on 127.0.0.1 alone

let passed = 0;
let failed = 0;
const check = (label, holds, detail = '') => {
  holds ? passed++ : failed++;
  if (!holds) console.log(`FAILED: ${label}${detail ? `: ${detail}` : ''}`);
};
const sql = (statement) => execFileSync('mariadb', ['--no-defaults', `--socket=${DIRECTORY}/mariadb/mysqld.sock`, '-e', statement]);
const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });
const eventually = async (condition, ms = 15000) => {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(200)) if (await condition()) return true;
  return false;
};

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
// Without script: as where JavaScript is off, but for those who inspect the page, whose own needs it.
const open = async (base, { user = amal, script = true, ...more } = {}) => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, httpCredentials: user, ...more });
  const page = await context.newPage();
  page.script = script;
  if (!script) await page.route('**/script.js', (route) => route.abort());
  page.troubles = [];
  page.on('console', (message) => { if (message.type() === 'error') page.troubles.push(message.text()); });
  // As it was sent: what the browser has made of it is the browser's.
  page.on('response', (answer) => {
    if (answer.request().resourceType() !== 'document' || answer.status() === 303) return;
    page.source = answer.text().catch(() => '');
    page.status = answer.status();
  });
  page.on('pageerror', (error) => page.troubles.push(String(error)));
  if (base) await page.goto(base + PATH);
  return page;
};
const text = (page) => page.locator('body').innerText();

// --- every state: accessible, valid, quiet, and kept as a picture -----------------------------------------------------

const looks = [
  ['light', { colorScheme: 'light', viewport: { width: 1100, height: 900 } }],
  ['dark', { colorScheme: 'dark', viewport: { width: 1100, height: 900 } }],
  ['phone', { colorScheme: 'light', viewport: { width: 360, height: 780 } }],
];
const inspect = async (page, state) => {
  const name = page.script ? state : `${state}, without script`;
  const report = await validator.validateString(await page.source);
  const problems = report.results.flatMap((result) => result.messages.map((m) => `${m.ruleId} ${m.message} (${m.line}:${m.column})`));
  check(`${name}: HTML validates`, report.valid, problems.join('; '));
  for (const [look, { colorScheme, viewport }] of looks) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(viewport);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(`${name}, ${look}: nothing sticks out`, wide <= 0, `${wide} px`);
    const violations = await page.evaluate(async (code) => {
      // By the inspector's way in: the page's own policy allows no script but its own.
      if (!globalThis.axe) (0, eval)(code);
      return (await globalThis.axe.run()).violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join(', ')}`);
    }, axe).catch((error) => [String(error)]);
    check(`${name}, ${look}: axe finds nothing`, violations.length === 0, violations.join('; '));
    await page.screenshot({ path: `${DIRECTORY}/screenshots/${name.replace(', ', '-').replace(' ', '-')}-${look}.png`, fullPage: true });
  }
};
// A page that says what it should, under the status it should, and is inspected.
const shows = async (page, state, status, words) => {
  check(`${state}: is a ${status}`, page.status === status, String(page.status));
  check(`${state}: says so`, (await text(page)).includes(words), await text(page));
  await inspect(page, state);
};

// --- what an administrator does -------------------------------------------------------------------------------------

const press = (page, name) => page.getByRole('button', { name }).or(page.getByRole('link', { name })).click();
const tokenOn = async (page) => ((await page.content()).match(/value="(ceymail_metrics_[\w-]{43})"/) ?? [])[1];

const scrape = (base, token) => new Promise((done, failedTo) => {
  request(`${base}/api/stats/metrics`, { rejectUnauthorized: false, headers: { Authorization: `Bearer ${token}` } },
    (answer) => { answer.resume(); done(answer.statusCode); }).on('error', failedTo).end();
});
// Its limit is 12 a second here: Prometheus asks too.
const status = async (base, token, want) => {
  let got = 0;
  await eventually(async () => (got = await scrape(base, token)) === want, 5000);
  return got;
};
const prometheusUp = async () => {
  const answer = await (await fetch(`${PROMETHEUS}/api/v1/query?query=up`)).json();
  return answer.data.result[0]?.value[1];
};
const hand = (token) => writeFileSync(`${DIRECTORY}/prometheus/token`, token);

const throughTheWholeWay = async (server, base, javaScriptEnabled) => {
  const way = `${server}, JavaScript ${javaScriptEnabled ? 'on' : 'off'}`;
  const page = await open(base, { javaScriptEnabled, permissions: ['clipboard-read', 'clipboard-write'] });
  check(`${way}: no token at first`, (await text(page)).includes('No token is active'));
  await press(page, 'Generate token');
  const first = await tokenOn(page);
  check(`${way}: a token is shown`, Boolean(first));
  check(`${way}: its address tells nothing`, page.url() === base + PATH, page.url());
  if (javaScriptEnabled) {
    await page.getByRole('region', { name: 'Your new token' }).getByRole('button', { name: 'Copy' }).click();
    await page.waitForTimeout(100);
    check(`${way}: it is copied`, (await page.evaluate(() => navigator.clipboard.readText())) === first);
    check(`${way}: and that is said`, (await page.getByRole('status').innerText()) === 'Token copied');
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
    check(`${way}: the file is named`, file.suggestedFilename() === 'ceymail.token', file.suggestedFilename());
    check(`${way}: the file holds it`, readFileSync(await file.path(), 'utf8') === `${first}\n`);
  } else {
    check(`${way}: no button that would do nothing`, (await page.locator('[data-copy]:visible, [data-download]:visible').count()) === 0);
  }
  check(`${way}: it opens the metrics`, (await status(base, first, 200)) === 200);
  hand(first);
  check(`${way}: Prometheus scrapes with it`, await eventually(async () => (await prometheusUp()) === '1'));

  await page.reload();
  check(`${way}: reload shows no token`, !(await page.content()).includes(first));
  // The time is noted once in 5 seconds, whichever token it is.
  const told = async () => { await page.reload(); return /Last successful scrape\s*\d+ \w+ 20\d\d/.test(await text(page)); };
  check(`${way}: the scrape is told of`, await eventually(told), await text(page));
  check(`${way}: no warning`, !(await text(page)).includes('has not used'));
  await page.goBack().catch(() => {});
  check(`${way}: the way back shows no token`, !(await page.content()).includes(first));

  await page.goto(base + PATH);
  await press(page, /Generate new token/);
  check(`${way}: asks back`, (await text(page)).includes('stops working at once'));
  await press(page, 'Generate and revoke the old one');
  const second = await tokenOn(page);
  check(`${way}: another token`, Boolean(second) && second !== first);
  check(`${way}: the old one is refused`, (await status(base, first, 401)) === 401);
  check(`${way}: Prometheus notices`, await eventually(async () => (await prometheusUp()) === '0'));
  check(`${way}: the new one is not`, (await status(base, second, 200)) === 200);

  await page.goto(base + PATH);
  await press(page, /^Revoke/);
  await press(page, 'Cancel');
  await press(page, /^Revoke/);
  await press(page, 'Revoke token');
  check(`${way}: says so`, (await text(page)).includes('The token is revoked'));
  check(`${way}: revoked is refused`, (await status(base, second, 401)) === 401);
  await page.goto(base + PATH);
  const rows = await page.locator('tbody tr').allInnerTexts();
  check(`${way}: the history tells who and from where`,
    rows[0]?.includes('Revoked') && rows[0].includes('revoked by amal') && rows[0].includes('127.0.0.1'), rows[0]);
  check(`${way}: the console is quiet`, page.troubles.length === 0, page.troubles.join('; '));
  await page.context().close();
};

for (const [server, base] of [['nginx', NGINX], ['Apache', APACHE]])
  for (const javaScript of [true, false]) {
    await throughTheWholeWay(server, base, javaScript);
    await sleep(1000);  // the page's limit is 12 a second here
  }

// --- two at once, twice, too late ------------------------------------------------------------------------------------

{
  const [one, other] = [await open(NGINX), await open(NGINX, { user: bimali })];
  await press(one, 'Generate token');
  await press(other, 'Generate token');
  check('two administrators: the second is told', (await text(other)).includes('The token has changed meanwhile'));
  await inspect(other, 'superseded');
  const token = await tokenOn(one);
  await one.goto(`${NGINX}${PATH}?confirm=revoke`);
  await one.evaluate(() => { const form = document.forms[0]; form.submit(); form.submit(); });
  await one.waitForLoadState();
  await eventually(async () => (await text(one)).includes('The token is revoked'), 3000);
  check('a form sent twice is done once and told', (await text(one)).includes('The token is revoked'), await text(one));
  check('and the token is refused', (await status(NGINX, token, 401)) === 401);
  await one.context().close();
  await other.context().close();
}

// --- every state ----------------------------------------------------------------------------------------------------

const raw = (base, path, { method = 'GET', headers = {}, body = '', user = amal } = {}) => new Promise((done) => {
  const secure = base.startsWith('https');
  const auth = user ? { Authorization: `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}` } : {};
  import(secure ? 'node:https' : 'node:http').then(({ request: ask }) => {
    const sent = ask(base + path, { method, rejectUnauthorized: false, headers: { ...auth, ...headers } }, (answer) => {
      let received = '';
      answer.on('data', (part) => { received += part; });
      answer.on('end', () => done({ status: answer.statusCode, headers: answer.headers, body: received }));
      answer.on('error', () => done({ status: 0, headers: {}, body: '' }));
    });
    sent.on('error', () => done({ status: 0, headers: {}, body: '' }));
    sent.end(body);
  });
});

// As a page of ours would send them, and as none would.
const submit = async (page, fields, enctype = 'application/x-www-form-urlencoded') => {
  await Promise.all([page.waitForEvent('domcontentloaded'), page.evaluate(([values, type]) => {
    const form = document.createElement('form');
    Object.assign(form, { method: 'post', action: location.pathname, enctype: type });
    for (const [name, value] of Object.entries(values)) form.append(Object.assign(document.createElement('textarea'), { name, value }));
    document.body.append(form);
    form.submit();
  }, [fields, enctype])]);
};
const sealOn = (page) => page.locator('input[name=seal]').first().inputValue();

const everyStateOfThePage = async (script) => {
  const page = await open(NGINX, { script });
  await shows(page, 'none', 200, 'No token is active');
  await press(page, 'Generate token');
  await shows(page, 'fresh', 200, 'Your new token');
  await page.goto(NGINX + PATH);
  await shows(page, 'unused', 200, 'has not used this token yet');
  const used = (minutes) => sql('REPLACE INTO ceymail_dashboard.metrics_token_uses (token_id, last_used_at) SELECT id, ' +
    `UTC_TIMESTAMP() - INTERVAL ${minutes} MINUTE FROM ceymail_dashboard.metrics_tokens WHERE active`);
  used(12);
  await page.reload();
  await shows(page, 'stale', 200, 'No successful scrape for more than 5 minutes');
  used(0);
  mkdirSync(`${DIRECTORY}/queue/active`);
  await eventually(async () => { await page.reload(); return (await text(page)).includes('All working'); });
  await shows(page, 'scraped', 200, 'All working');
  rmdirSync(`${DIRECTORY}/queue/active`);
  await eventually(async () => { await page.reload(); return (await text(page)).includes('1 of 11 failing'); });
  await shows(page, 'collector-failing', 200, 'What to do:');
  process.kill(Number(METRICS), 'SIGSTOP');
  const gatherer = readFileSync(`/proc/${METRICS}/task/${METRICS}/children`, 'utf8').split(' ').find((pid) => pid && readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('ceymail-gather'));
  process.kill(Number(gatherer), 'SIGSTOP');
  await page.reload();
  await shows(page, 'collectors-unknown', 200, 'does not say how they fare');
  process.kill(Number(gatherer), 'SIGCONT');
  process.kill(Number(METRICS), 'SIGCONT');
  await page.goto(`${NGINX}${PATH}?confirm=generate`);
  await shows(page, 'confirm-generate', 200, 'Generate a new token?');
  await page.goto(`${NGINX}${PATH}?confirm=revoke`);
  await shows(page, 'confirm-revoke', 200, 'Revoke the token?');
  process.kill(Number(MARIADB), 'SIGSTOP');
  await press(page, 'Revoke token');
  await shows(page, 'change-failed', 503, 'The change could not be made');
  await page.goto(NGINX + PATH);
  await shows(page, 'mariadb-down', 503, 'MariaDB does not answer');
  process.kill(Number(MARIADB), 'SIGCONT');
  await page.goto(`${NGINX}${PATH}?confirm=revoke`);
  const seal = await sealOn(page);
  await press(page, 'Revoke token');
  await shows(page, 'revoked', 200, 'The token is revoked');
  await submit(page, { action: 'revoke', seal });
  await shows(page, 'done-already', 409, 'This has been done already');
  await page.goto(LOW + PATH);
  await shows(page, 'plan', 200, 'Metrics export needs the Business plan or above');
  check('plan: offers nothing', (await page.locator('form').count()) === 0);
  await page.context().close();
};

// A cookie as the dashboard makes it.
const session = (claims) => {
  const text = Buffer.from(JSON.stringify({ exp: Date.now() + 8 * 3600 * 1000, ...claims })).toString('base64url');
  const value = `${text}.${createHmac('sha256', '0123456789abcdef'.repeat(4)).update(text).digest('hex')}`;
  return { name: 'mc-session', value, url: SESSION, httpOnly: true, sameSite: 'Lax' };
};

const bySession = async (script) => {
  const page = await open(SESSION, { user: undefined, script });
  await shows(page, 'signed-out', 401, 'Sign in at the dashboard');
  await page.getByRole('link', { name: 'Go to the dashboard' }).click();
  check('signed-out: leads to the dashboard', (await text(page)) === 'The dashboard');
  await page.context().addCookies([session({ userId: 3, username: 'vihanga', role: 'viewer' })]);
  await page.goto(SESSION + PATH);
  await shows(page, 'viewer', 403, 'This page is for administrators');
  await page.context().addCookies([session({ userId: 1, username: 'amal', role: 'admin' })]);
  await page.goto(SESSION + PATH);
  await shows(page, 'session', 200, 'Signed in as amal');
  await press(page, 'Generate token');
  check('session: a token is made', (await text(page)).includes('Copy it now'));
  await page.goto(`${SESSION}${PATH}?confirm=revoke`);
  await press(page, 'Revoke token');
  check('session: and revoked', (await text(page)).includes('The token is revoked'));
  await page.context().clearCookies();
  await page.goto(SESSION + PATH);
  check('session: signed out again', page.status === 401, page.status);
  await page.context().close();
};

const everyRefusal = async (script) => {
  const page = await open(NGINX, { script });
  const seal = await sealOn(page);
  await submit(page, { action: 'generate', seal: 'a'.repeat(seal.length) });
  await shows(page, 'forged', 403, 'This form cannot be accepted');
  await submit(page, { seal });
  await shows(page, 'malformed', 400, 'This form is malformed');
  await submit(page, { action: 'generate', seal }, 'text/plain');
  await shows(page, 'no-form', 415, 'This is no form');
  await page.goto(APACHE + PATH);
  await submit(page, { action: 'generate', seal, more: 'x'.repeat(9000) });
  await shows(page, 'too-long', 413, 'This form is too long');
  await page.goto(`${LOW}/form`);
  await press(page, 'Send');
  await shows(page, 'foreign', 403, 'This form was not sent from this page');
  await page.goto(`${NGINX}${PATH}/none`);
  await shows(page, 'not-found', 404, 'There is nothing here');
  await page.route(`${NGINX}${PATH}`, (route) => route.continue({ method: 'PUT' }));
  await page.goto(NGINX + PATH);
  await shows(page, 'other-method', 405, 'This cannot be done here');
  await page.unroute(`${NGINX}${PATH}`);
  await page.goto(PLAIN + PATH);
  await shows(page, 'plain-http', 403, 'This page is only served over HTTPS');
  await page.goto(NOBODY + PATH);
  await shows(page, 'nobody', 403, 'You are not signed in');
  // The limit is 12 a second here.
  check('too many: come to it', await eventually(async () => {
    await Promise.all(Array.from({ length: 12 }, () => raw(NGINX, PATH)));
    await page.goto(NGINX + PATH);
    return page.status === 429;
  }));
  await shows(page, 'too-many', 429, 'Too many requests');
  await sleep(1000);

  await page.goto(NGINX + PATH);
  const aged = await sealOn(page);
  writeFileSync(`${DIRECTORY}/clock`, String(Number(readFileSync(`${DIRECTORY}/clock`, 'utf8')) + 31 * 60));
  await submit(page, { action: 'generate', seal: aged });
  await shows(page, 'expired', 403, 'This page was open for too long');
  await press(page, 'Open the page');
  check('expired: leads back to where it can be done', (await text(page)).includes('No token is active'));
  await page.context().close();
};

for (const script of [true, false]) {
  await everyStateOfThePage(script);
  await everyRefusal(script);
  await bySession(script);
}
{
  const attack = '"\'><script>document.title = "taken"</script><img src=x onerror="document.title=1">';
  sql('CREATE TABLE ceymail_dashboard.kept AS SELECT * FROM ceymail_dashboard.audit_logs');
  const quoted = attack.replaceAll("'", "''");
  sql(`UPDATE ceymail_dashboard.audit_logs SET detail = '${quoted}', ip_address = '<b>x</b>', target = '${quoted}'`);
  const page = await open(NGINX);
  check('script in stored texts: is shown', (await text(page)).includes('<script>'));
  check('script in stored texts: does nothing', (await page.title()).startsWith('Prometheus Metrics') && page.troubles.length === 0, page.troubles.join('; '));
  await inspect(page, 'attacked');
  sql('UPDATE ceymail_dashboard.audit_logs a JOIN ceymail_dashboard.kept k USING (id) SET a.detail = k.detail, a.ip_address = k.ip_address, a.target = k.target');
  await page.context().close();
}
{
  const page = await open(NGINX);
  for (let presses = 0; presses < 3; presses++) await page.keyboard.press('Tab');
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  check('keyboard: what has the focus is seen', ring !== 'none', ring);
  await page.getByRole('button', { name: 'Generate token' }).focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('#token');
  check('keyboard: a token is generated', Boolean(await tokenOn(page)));
  await page.context().close();
}

// --- attacks ---------------------------------------------------------------------------------------------------------

await sleep(1000);
for (const [server, base] of [['nginx', NGINX], ['Apache', APACHE]]) {
  const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const sealOf = async () => ((await raw(base, `${PATH}?confirm=generate`)).body.match(/name="seal" value="([^"]+)"/) ?? [])[1];
  const seal = await sealOf();
  const good = `action=generate&seal=${seal}`;
  const before = (await raw(base, PATH)).body.match(/<dt>Created<\/dt><dd><time datetime="([^"]+)"/)?.[1];
  check(`${server}: nobody without a password`, (await raw(base, PATH, { user: null })).status === 401);
  check(`${server}: nobody with a wrong one`, (await raw(base, PATH, { user: { username: 'amal', password: 'x' } })).status === 401);
  check(`${server}: no page without TLS`, server === 'Apache' || (await raw(PLAIN, PATH)).status === 403);
  check(`${server}: REMOTE_USER cannot be sent`, (await raw(base, PATH, { user: null, headers: { 'Remote-User': 'root', REMOTE_USER: 'root' } })).status === 401);
  check(`${server}: forged seal`, (await raw(base, PATH, { method: 'POST', headers: form, body: `action=generate&seal=${'a'.repeat(seal.length)}` })).status === 403);
  check(`${server}: another's seal`, (await raw(base, PATH, { method: 'POST', headers: form, body: good, user: bimali })).status === 403);
  check(`${server}: cross-site by origin`, (await raw(base, PATH, { method: 'POST', headers: { ...form, Origin: 'https://evil.example' }, body: good })).status === 403);
  await sleep(1100);
  check(`${server}: cross-site by fetch metadata`, (await raw(base, PATH, { method: 'POST', headers: { ...form, 'Sec-Fetch-Site': 'cross-site' }, body: good })).status === 403);
  check(`${server}: GET changes nothing`, (await raw(base, `${PATH}?${good}`)).status === 200);
  check(`${server}: HEAD changes nothing`, (await raw(base, `${PATH}?${good}`, { method: 'HEAD' })).status === 200);
  const megabyte = await raw(base, PATH, { method: 'POST', headers: form, body: `${good}&x=${'x'.repeat(1 << 20)}` });
  check(`${server}: a megabyte`, [0, 400, 413, 502, 503].includes(megabyte.status), String(megabyte.status));
  const odd = await raw(base, PATH, { headers: { Host: 'localhost<script>' } });
  check(`${server}: a host that is none`, odd.status === 400 && !odd.body.includes('<script>'), String(odd.status));
  const split = await raw(base, `${PATH}?confirm=generate%0d%0aSet-Cookie:%20a=b`);
  check(`${server}: no header by the query`, split.status === 200 && !split.headers['set-cookie']);
  const shown = await raw(base, PATH);
  check(`${server}: nothing was changed by any`, shown.body.includes(before), before);
  const policy = shown.headers['content-security-policy'] ?? '';
  check(`${server}: policy`, policy.includes("default-src 'none'") && policy.includes("frame-ancestors 'none'") && !policy.includes('unsafe'), policy);
  check(`${server}: not to be kept`, shown.headers['cache-control'] === 'no-store');
  check(`${server}: not compressed`, !(await raw(base, PATH, { headers: { 'Accept-Encoding': 'gzip' } })).headers['content-encoding']);
  const sent = await raw(base, PATH, { method: 'POST', headers: { ...form, Origin: base, 'Sec-Fetch-Site': 'same-origin' }, body: good });
  const cookie = String(sent.headers['set-cookie']);
  check(`${server}: the good form is carried out`, sent.status === 303 && /HttpOnly; SameSite=Strict; Secure/.test(cookie), `${sent.status} ${cookie}`);
  check(`${server}: and not a second time`, (await raw(base, PATH, { headers: { Cookie: cookie.split(';')[0] } })).body.includes('ceymail_metrics_')
    && (await raw(base, PATH, { method: 'POST', headers: form, body: good })).status === 409);
  await sleep(1100);
}
{
  const page = await open(NGINX);  // so that the browser has the password
  await page.goto(`${LOW}/evil`);
  await page.waitForTimeout(500);
  check('in a frame it shows nothing', page.troubles.some((trouble) => /frame/i.test(trouble)), page.troubles.join('; '));
  check('and the frame is empty', !(await page.frames()[1]?.content().catch(() => ''))?.includes('Prometheus Metrics'));
  await page.context().close();
}

await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

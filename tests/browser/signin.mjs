// Signs in with headless Chromium against the embedded sandbox: consent, queries
// and a mutation by cookie, an access token that expires, a refresh, the end of a
// session from either side, and what a page of another site can do with it.
//
//   node signin.mjs [--screenshots DIR] http://127.0.0.1:8080/
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { expect, finish, launch } from '../../internal/web/ui/browser.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { screenshots: { type: 'string', default: '' } } });
const address = new URL(positionals[0]).href;

const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
const page = await context.newPage();
const trouble = [];
page.on('console', m => m.type() === 'error' && !/status of 40[01]/.test(m.text()) && trouble.push(m.text()));
page.on('pageerror', e => trouble.push(e.stack ?? String(e)));
const shot = name => (values.screenshots ? page.screenshot({ path: `${values.screenshots}/${name}.png` }) : undefined);

/** What a script on the gateway's own page can do: it has no token, only a cookie it cannot see. */
const ask = (query, headers = { 'Content-Type': 'application/json' }) =>
  page.evaluate(
    async ([query, headers]) => {
      const response = await fetch('graphql', { method: 'POST', headers, body: JSON.stringify({ query }) });
      return { status: response.status, ...(await response.json()) };
    },
    [query, headers],
  );

/** The sandbox's own switches, which are no part of the API. */
async function sandbox(path, method = 'GET', body = undefined) {
  const response = await fetch(new URL(`_sandbox/${path}`, address), { method, body: body && JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.json();
}
const calls = async operation => (await sandbox('calls')).calls.filter(c => c.operation === operation);
const refreshes = async () => (await calls('createToken')).filter(c => c.body.includes('"grant_type":"refresh_token"')).length;

async function signIn(who, decision = 'Allow') {
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByRole('combobox').selectOption({ label: who });
  await shot('consent');
  await page.getByRole('button', { name: decision }).click();
  await page.locator('.graphiql-query-editor .monaco-editor .view-line').first().waitFor();
}

const name = page.locator('.page-account');
const viewer = '{ viewer { signedIn ownerType staff { lastName } practitioner { lastName } clinic { name } } }';

await page.goto(address);
await page.getByRole('link', { name: 'Sign in' }).click();
const users = await page.getByRole('combobox').locator('option').allTextContents();
const staff = users.find(u => u.endsWith('(staff)'));
const practitioner = users.find(u => u.endsWith('(practitioner)'));
expect(staff && practitioner, 'the consent page offers practitioners and staff');
await page.goto(address);

// Declined, then accepted.
await signIn(staff, 'Deny');
expect((await name.textContent()).includes('Sign-in was declined.'), 'who declines is told', await name.textContent());
expect(!page.url().includes('signin_error'), 'and the address forgets it');
await signIn(staff);
const person = staff.replace(' (staff)', '');
await page.getByText(`Signed in as ${person}`).waitFor();
expect(page.url() === address, 'it comes back to where it began', page.url());
await shot('signed-in');

// By cookie.
let answer = await ask(viewer);
expect(answer.status === 200 && answer.data.viewer.ownerType === 'STAFF' && person.endsWith(answer.data.viewer.staff.lastName), 'a query by cookie', JSON.stringify(answer));
const sent = page.waitForRequest(r => r.method() === 'POST' && r.url().endsWith('/graphql'));
await page.getByRole('button', { name: 'Execute query (Ctrl-Enter)' }).click();
expect(!('authorization' in (await sent).headers()), "the page's queries have no token");
await page.waitForFunction(() => document.querySelector('.result-window')?.textContent.includes('"totalCount"'));
const write = email => `mutation { createPatient(input: {firstName: "Ada", lastName: "Sample", email: "${email}"}) { patient { id } userErrors { message } } }`;
answer = await ask(write('ada.browser@example.org'));
expect(Boolean(answer.data?.createPatient.patient.id), 'a mutation by cookie', JSON.stringify(answer));
answer = await ask(write('simple@example.org'), { 'Content-Type': 'text/plain' });
expect(answer.status === 400 && answer.errors[0].message.includes('CSRF'), 'a mutation that any page could send is refused', JSON.stringify(answer));
expect((await page.evaluate(() => document.cookie)) === '', 'scripts cannot see the cookie');
const [cookie] = (await context.cookies()).filter(c => !c.name.endsWith('-login'));
expect(cookie?.httpOnly && cookie.sameSite === 'Lax' && cookie.path === '/', 'the cookie is restricted', JSON.stringify(cookie));

// A page of another site, in the same browser.
{
  const evil = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end('<h1>elsewhere</h1>'));
  await new Promise(done => evil.listen(0, '127.0.0.1', done));
  const other = await context.newPage();
  await other.goto(`http://127.0.0.1:${evil.address().port}/`); // another port is another origin, and gets the cookie all the same
  const before = (await calls('createPatient')).length;
  const tried = await other.evaluate(
    async ([url, query]) => {
      const results = [];
      for (const [mode, type] of [['no-cors', 'text/plain'], ['cors', 'application/json'], ['cors', 'text/plain']]) {
        try {
          const response = await fetch(`${url}graphql`, { method: 'POST', mode, credentials: 'include', headers: { 'Content-Type': type }, body: JSON.stringify({ query }) });
          results.push(response.type === 'opaque' ? 'sent' : `read ${await response.text()}`);
        } catch {
          results.push('blocked');
        }
      }
      try {
        results.push(await (await fetch(`${url}oauth/session`, { credentials: 'include' })).text());
      } catch {
        results.push('blocked');
      }
      await fetch(`${url}oauth/logout`, { method: 'POST', mode: 'no-cors', credentials: 'include' });
      return results;
    },
    [address, write('evil@example.org')],
  );
  expect(tried.join() === 'sent,blocked,blocked,blocked', 'a foreign page reads nothing', tried.join());
  expect((await calls('createPatient')).length === before, 'a foreign page writes nothing');
  expect((await ask(viewer)).status === 200, 'a foreign page does not sign out');
  await other.close();
  evil.close();
}

// The access token expires, twice: as the partner sees it, and by the clock.
await page.waitForTimeout(1100); // one that was given within a second is not replaced
await sandbox('oauth/expire', 'POST');
const before = await refreshes();
const many = await Promise.all(Array.from({ length: 20 }, () => ask(viewer)));
expect(many.every(a => a.status === 200 && a.data.viewer.clinic), 'queries go on when the token has expired', JSON.stringify(many.find(a => a.errors)));
expect((await refreshes()) - before === 1, 'which is refreshed once', `${(await refreshes()) - before} times`);
await sandbox('oauth', 'PUT', { access_life_seconds: 2 });
await page.waitForTimeout(1100);
await sandbox('oauth/expire', 'POST');
await ask(viewer); // the next token lives for two seconds
await sandbox('oauth', 'PUT', { access_life_seconds: 7200 });
await page.waitForTimeout(2100);
answer = await ask(viewer);
expect(answer.status === 200 && Boolean(answer.data.viewer.clinic), 'and when its time is over', JSON.stringify(answer));

// The partner ends it.
await page.waitForTimeout(1100);
await sandbox('oauth/revoke', 'POST');
await ask(viewer);
answer = await ask(viewer);
expect(answer.status === 401 && answer.errors[0].extensions.code === 'UNAUTHENTICATED' && answer.errors[0].message.includes('/oauth/login'), 'a revoked session is over', JSON.stringify(answer));
await page.reload();
await page.getByRole('link', { name: 'Sign in' }).waitFor();
expect(true, 'and the page offers to sign in again');

// The user ends it.
await signIn(practitioner);
await page.getByText(`Signed in as ${practitioner.replace(' (practitioner)', '')}`).waitFor();
const revoked = (await calls('revokeToken')).length;
await page.getByRole('button', { name: 'Sign out' }).click();
await page.getByRole('link', { name: 'Sign in' }).waitFor();
expect((await calls('revokeToken')).length - revoked === 1, 'signing out revokes the token');
expect((await context.cookies()).every(c => c.name.endsWith('-login')), 'and removes the cookie');
expect((await ask(viewer)).status === 401, 'nothing is answered afterwards');
expect(trouble.length === 0, 'nothing went wrong on the page', trouble.join('\n'));

await browser.close();
finish();

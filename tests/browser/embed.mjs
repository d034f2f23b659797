// Uses examples/embed with headless Chromium as its reader would: a page without a
// backend, on another port than the gateway, whose embedded sandbox plays the partner.
//
//   node embed.mjs [--screenshots DIR] --port PORT http://127.0.0.1:8080/
//
// The gateway has http://127.0.0.1:PORT in its --cors-origins.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { parseArgs } from 'node:util';
import { expect, finish, launch } from '../../internal/web/ui/browser.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { screenshots: { type: 'string', default: '' }, port: { type: 'string' } },
});
const address = new URL(positionals[0]).href;
const gateway = address.replace(/\/$/, '');
const home = `http://127.0.0.1:${values.port}/`;
const folder = new URL('../../examples/embed/', import.meta.url);

// The folder as it is, but for the gateway's address, which is another one each time.
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, home);
  const name = pathname === '/' ? 'index.html' : pathname.slice(1);
  try {
    let text = await readFile(new URL(name, folder), 'utf8');
    if (name === 'settings.js') text = text.replace('http://127.0.0.1:8080', gateway);
    response.writeHead(200, { 'Content-Type': `${types[extname(name)]}; charset=utf-8` }).end(text);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise(done => server.listen(Number(values.port), '127.0.0.1', done));

const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1180, height: 1000 }, colorScheme: 'light' });
const trouble = [];
context.on('console', m => (m.type() === 'error' || m.type() === 'warning') && trouble.push(`${m.type()}: ${m.text()}`));
context.on('weberror', e => trouble.push(String(e.error())));
await context.route(
  url => !['data:', 'blob:'].includes(url.protocol) && ![new URL(home).host, new URL(address).host].includes(url.host),
  route => (trouble.push(`asked another host: ${route.request().url()}`), route.abort()),
);
const page = await context.newPage();
const shot = name => (values.screenshots ? page.screenshot({ path: `${values.screenshots}/embed-${name}.png` }) : undefined);

/** The sandbox's own switches, which are no part of the API. */
const sandbox = async (path, method = 'GET', body = undefined) =>
  (await fetch(`${gateway}/_sandbox/${path}`, { method, body: body && JSON.stringify(body) })).json();

async function signIn(decision = 'Allow') {
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByRole('combobox').waitFor();
  const users = await page.getByRole('combobox').locator('option').allTextContents();
  const user = users.find(u => u.endsWith('(practitioner)'));
  await page.getByRole('combobox').selectOption({ label: user });
  await page.getByRole('button', { name: decision }).click();
  await page.waitForURL(url => url.origin === new URL(home).origin);
  return user.replace(' (practitioner)', '');
}

const events = page.locator('#events li');
const live = () => page.getByText('live', { exact: true }).waitFor();

/** Presses what may make an event on the page of the tool, and waits for it on ours. */
async function happens(what, press) {
  const before = await events.count();
  await press();
  await page.waitForFunction(n => document.querySelectorAll('#events li').length > n, before);
  expect((await events.count()) === before + 1 && (await events.first().textContent()).startsWith(what), `${what}: the page is told`, await events.first().textContent());
}

// Signing in, from and back to a page of another origin.
await page.goto(home);
await page.getByRole('link', { name: 'Sign in' }).waitFor();
await shot('signed-out');
await signIn('Deny');
await page.getByText('Sign-in was declined.').waitFor();
expect(page.url() === home, 'who declines is told, and the address forgets it', page.url());
const name = await signIn();
await page.getByText(name).waitFor();
expect(page.url() === home, 'it comes back to where it began', page.url());
expect((await page.evaluate(() => document.cookie)) === '', 'the page cannot see its cookie');
await live();

// A patient.
const person = { firstName: 'Valentina', lastName: 'Vandermeer' };
await page.getByRole('searchbox').fill(person.lastName);
await page.getByRole('button', { name: 'Search' }).click();
const choose = page.getByRole('button', { name: `Prescribe for ${person.firstName} ${person.lastName}`, exact: true }).first();
await choose.waitFor();
expect((await page.locator('#patients li').count()) > 0, 'patients are found');

// The tool.
const grants = async () => (await sandbox('calls')).calls.filter(c => c.operation === 'createSessionGrant').length;
const before = await grants();
const secret = page.waitForRequest(r => r.url().includes('/api/embeddable/session/'));
await choose.click();
const frame = page.frameLocator('iframe');
await frame.getByRole('heading', { name: 'Treatment plan tool' }).waitFor();
expect((await grants()) === before + 1, 'one grant opens it');
const token = new URL((await secret).url()).searchParams.get('secret_token');
expect(Boolean(token) && (await (await fetch((await secret).url())).status) === 401, 'its secret is used up');
const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]) + location.href + history.state);
expect(!stored.includes(token), 'and kept nowhere', stored);
const selected = await frame.getByLabel('Patient').evaluate(select => select.selectedOptions[0].textContent);
expect(selected === `${person.lastName}, ${person.firstName}`, 'the tool knows the patient', selected);
await shot('tool');
await frame.getByLabel('Units').fill('2');
await frame.getByRole('button', { name: 'Create the draft' }).click();
await happens('Plan activated', () => frame.getByRole('button', { name: 'Activate' }).click());
expect((await events.first().textContent()).includes(`${person.firstName} ${person.lastName}`), 'with whom it is for');
await happens('Order placed', () => frame.getByRole('button', { name: 'Place the order' }).click());
await page.evaluate(() => scrollTo(0, 0));
await shot('light');
await page.emulateMedia({ colorScheme: 'dark' });
await shot('dark');
await page.setViewportSize({ width: 420, height: 900 });
await shot('narrow');
const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
expect(overflow <= 0, 'it fits a narrow screen', `${overflow} px too wide`);
await page.setViewportSize({ width: 1180, height: 1000 });

// Whatever comes from outside is text.
const markup = '<img src=x onerror="document.title=1"><b>Ada</b>';
await happens('Patient changed', () =>
  sandbox('webhooks', 'POST', { type: 'patient.updated', data: { patient: { id: 'b1', first_name: markup, last_name: 'Sample' } } }),
);
expect((await events.first().textContent()).includes(markup), 'markup is shown, not used', await events.first().innerHTML());
const policy = page.waitForEvent('console', m => m.text().includes('TrustedHTML'));
await page.evaluate(() => document.createElement('p').setHTMLUnsafe('<b>')).catch(() => {});
trouble.splice(trouble.indexOf(`error: ${(await policy).text()}`), 1);
expect(true, 'nor could it be: the policy of the page refuses markup');

// While nobody listens, nothing is lost.
await page.goto('about:blank');
await sandbox('webhooks', 'POST', { type: 'patient.created' });
await sandbox('webhooks', 'POST', { type: 'treatment_plan.created' });
await page.goto(home);
await page.waitForFunction(() => document.querySelectorAll('#events li').length >= 2);
await live();
await happens('Order placed', () => sandbox('webhooks', 'POST', { type: 'order.placed' }));
const all = await events.evaluateAll(list => list.map(e => e.querySelector('strong').textContent));
expect(all.join() === 'Order placed,Plan activated,Patient added', 'what happened while the page was away comes first, once', all.join());

// The end.
await page.getByRole('button', { name: 'Sign out' }).click();
await page.getByRole('link', { name: 'Sign in' }).waitFor();
expect((await context.cookies()).every(c => c.name.endsWith('-login')), 'signing out removes the cookie');
expect(trouble.length === 0, 'nothing went wrong on the page', trouble.join('\n'));

await browser.close();
server.close();
finish();

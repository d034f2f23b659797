// Uses the pages of examples/typescript with headless Chromium: the same clinic through Apollo
// Client, urql and Relay, signed in by the gateway's cookie from another origin.
//
//   node clients.mjs [--screenshots DIR] --port PORT http://127.0.0.1:8080/
//
// The pages are served on PORT, which is in the gateway's --cors-origins.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { expect, finish, launch } from '../../internal/web/ui/browser.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { screenshots: { type: 'string', default: '' }, port: { type: 'string' } },
});
const gateway = positionals[0].replace(/\/$/, '');
const home = `http://127.0.0.1:${values.port}`;
const somebody = 'b1d36490-f250-49a7-8707-2133a9eaceab'; // has 60 plans

for (let i = 0; ; i++) {
  try {
    await fetch(home);
    break;
  } catch (err) {
    if (i === 300) throw err;
    await sleep(100);
  }
}

const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1240, height: 860 }, colorScheme: 'light' });
const trouble = [];
const documents = []; // what the pages send
context.on('console', m => (m.type() === 'error' || m.type() === 'warning') && trouble.push(`${m.type()}: ${m.text()}`));
context.on('weberror', e => trouble.push(String(e.error())));
context.on('request', r => r.method() === 'POST' && r.url() === `${gateway}/graphql` && documents.push(r.postDataJSON()));
const page = await context.newPage();
const patients = page.getByRole('region', { name: 'Patients' });
const rows = patients.locator('ul > li');

/** A change on the partner's own pages, which makes an event; what the API changes makes none. */
async function rename(first_name) {
  const data = { patient: { id: somebody, first_name, last_name: 'Vandermeer' } };
  const response = await fetch(`${gateway}/_sandbox/webhooks`, { method: 'POST', body: JSON.stringify({ type: 'patient.updated', data }) });
  const { sent } = await response.json();
  if (!sent[0].delivered) throw new Error('the event was not delivered');
}

/** Renames a patient until the page shows it, for it may not have subscribed yet. */
async function hears(name, where) {
  for (let i = 0; i < 10; i++) {
    await rename(`${name}${i}`);
    if (await where.getByText(`${name}${i}`).first().waitFor({ timeout: 500 }).then(() => true, () => false)) return true;
  }
  return false;
}

async function twice(name) {
  await rows.nth(11).waitFor();
  const total = await patients.locator('h2 small').textContent();
  await patients.getByRole('button', { name: 'More', exact: true }).click();
  await rows.nth(12).waitFor();
  const names = await rows.allTextContents();
  expect(names.length > 12 && new Set(names).size > 12 && Number(total) >= names.length, `${name}: the cache joins two pages`, `${names.length} of ${total}`);
}

await page.goto(`${home}/`);
await page.getByRole('link', { name: 'Sign in with Fullscript' }).click();
const options = await page.getByRole('combobox').locator('option').allTextContents();
await page.getByRole('combobox').selectOption({ label: options.find(o => o.endsWith('(practitioner)')) });
await page.getByRole('button', { name: 'Allow' }).click();
await page.waitForURL(url => url.origin === home);
await page.getByRole('button', { name: 'Sign out' }).waitFor();

// Apollo Client
await twice('Apollo');
const valentina = rows.filter({ hasText: 'Vandermeer' });
while ((await valentina.count()) === 0) {
  const before = await rows.count();
  await patients.getByRole('button', { name: 'More', exact: true }).click();
  await rows.nth(before).waitFor();
}
await valentina.first().getByRole('button').click();
const chart = page.getByRole('region', { name: 'Chart' });
await chart.locator('article').nth(2).waitFor();
await chart.locator('article .products li').nth(3).waitFor();
expect((await chart.locator('.products strong').first().textContent()).length > 3, 'Apollo: what was deferred arrives');
await chart.getByRole('button', { name: 'More plans' }).click();
await chart.locator('article').nth(5).waitFor();
await chart.getByLabel('First name').fill('Tina');
await chart.getByRole('button', { name: 'Save' }).click();
await patients.getByText('Tina Vandermeer').waitFor();
expect(true, 'Apollo: a mutation changes the list through the cache');
const live = page.getByRole('complementary', { name: 'Live' });
expect(await hears('Apolla', live), 'Apollo: a subscription tells of a change', await live.textContent());
expect(await patients.getByText(/Apolla\d+ Vandermeer/).count() === 1, 'Apollo: and the list has it');
expect(documents.length > 0 && documents.every(d => d.query === undefined && d.extensions?.persistedQuery), 'Apollo: only hashes of documents were sent', JSON.stringify(documents.find(d => d.query)));
await rename('Valentina');
await patients.getByText('Valentina Vandermeer').waitFor();
if (values.screenshots) {
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: `${values.screenshots}/front-desk.png` });
}

// urql
await page.goto(`${home}/urql.html`);
await twice('urql');
const form = page.getByRole('region', { name: 'New patient' });
await form.getByRole('button', { name: 'Add' }).click();
await form.getByRole('alert').first().waitFor();
expect(true, 'urql: what is wrong with an input is shown');
const total = Number(await patients.locator('h2 small').textContent());
await form.getByLabel('First name').fill('Ursula');
await form.getByLabel('Last name').fill('Quell');
await form.getByLabel('Email').fill('ursula@clients.example');
await form.getByRole('button', { name: 'Add' }).click();
await form.getByRole('status').waitFor();
await patients.locator('h2 small').filter({ hasText: String(total + 1) }).waitFor();
expect(true, 'urql: a new patient makes the list be asked for again');
await page.reload();
await rows.nth(11).waitFor();
const first = rows.first();
const urqlSees = async () => {
  while ((await rows.filter({ hasText: 'Vandermeer' }).count()) === 0) {
    const before = await rows.count();
    await patients.getByRole('button', { name: 'More', exact: true }).click();
    await rows.nth(before).waitFor();
  }
};
await urqlSees();
expect((await first.count()) === 1 && (await hears('Urla', patients)), 'urql: a subscription changes the list through Graphcache');

// Relay
await page.goto(`${home}/relay.html`);
await twice('Relay');
await urqlSees();
expect(await hears('Rhea', patients), 'Relay: a subscription changes the list through its store');
const card = rows.filter({ hasText: 'Vandermeer' });
await card.getByRole('button').click();
await card.getByText(/\d{4}-\d{2}-\d{2}/).waitFor();
expect(true, 'Relay: a fragment is refetched by node(id)');

expect(trouble.length === 0, 'nothing was wrong on the pages', trouble.join('\n'));
await browser.close();
finish();

// Opens the GraphiQL page in headless Chromium as a newcomer would: every
// example is run, nothing may come from another address, nothing may break the
// page's policy, and no token may be kept.
//
//   node check.mjs [--screenshots DIR] [--chromium PATH] [--token TOKEN] http://127.0.0.1:8080/
//
// The token is pasted in where the page comes without one.
import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { expect, finish, launch } from './browser.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    screenshots: { type: 'string', default: '' },
    token: { type: 'string', default: '' },
    chromium: { type: 'string' },
  },
});
const address = new URL(positionals[0] ?? 'http://127.0.0.1:8080/');
if (values.screenshots) mkdirSync(values.screenshots, { recursive: true });

let trouble = []; // what went wrong on the page that is open
process.on('unhandledRejection', stop);
process.on('uncaughtException', stop);
async function stop(e) {
  console.log(`FAIL ${e.stack}\n${trouble.join('\n')}`);
  const page = browser.contexts().at(-1)?.pages().at(-1);
  if (page && values.screenshots) await page.screenshot({ path: `${values.screenshots}/failed.png` });
  await browser.close();
  expect(false, 'the check reaches its end');
  finish();
}

const browser = await launch(values.chromium);

/** A page with nobody's memory. */
async function open(colorScheme) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme, permissions: ['clipboard-read', 'clipboard-write'] });
  trouble = [];
  await context.route(
    url => !['data:', 'blob:'].includes(url.protocol) && url.host !== address.host,
    route => {
      trouble.push(`asked another host: ${route.request().url()}`);
      return route.abort();
    },
  );
  await context.exposeBinding('reportViolation', (_source, text) => void trouble.push(`broke the policy: ${text}`));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', e =>
      globalThis.reportViolation(`${e.effectiveDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`),
    );
  });
  const page = await context.newPage();
  page.on('console', m => {
    if (m.type() === 'error' || m.type() === 'warning') trouble.push(`console: ${m.type()}: ${m.text()}`);
  });
  page.on('pageerror', e => trouble.push(`uncaught: ${e.stack ?? e}`));
  page.on('requestfailed', r => {
    // A reload breaks off what is still loading. What is refused to other hosts is noted above.
    if (r.failure()?.errorText !== 'net::ERR_ABORTED') trouble.push(`failed: ${r.url()} ${r.failure()?.errorText}`);
  });
  page.on('response', r => {
    if (r.status() >= 400) trouble.push(`status ${r.status()}: ${r.url()}`);
  });
  return { context, page };
}

const run = page => page.getByRole('button', { name: 'Execute query (Ctrl-Enter)' });
const tabs = page => page.getByRole('tablist', { name: 'Select active operation' }).getByRole('tab');
const titles = page => page.locator('.graphiql-tab-button').allTextContents();
const shot = (page, name) => (values.screenshots ? page.screenshot({ path: `${values.screenshots}/${name}.png` }) : undefined);

async function ready(page) {
  await page.locator('.graphiql-query-editor .monaco-editor .view-line').first().waitFor();
  await page.locator('.graphiql-response .monaco-editor').waitFor();
  // The workers have started and the schema is loaded: the query is validated.
  await page.waitForFunction(() => document.querySelectorAll('.graphiql-query-editor .view-line span[class*=mtk]').length > 3);
}

/** Runs what is in the editor and returns the answer, as sent and as shown. */
async function execute(page) {
  const answered = page.waitForResponse(r => r.request().method() === 'POST' && !r.request().postData()?.includes('IntrospectionQuery'));
  await run(page).click();
  const answer = await (await answered).json();
  await page.waitForFunction(() => /"(data|errors)"/.test(document.querySelector('.result-window')?.textContent ?? ''));
  return { answer, shown: await page.locator('.result-window').textContent() };
}

/** Pastes text over what is in one of the editors; typing would have brackets closed. */
async function paste(page, editor, text) {
  await page.evaluate(copied => navigator.clipboard.writeText(copied), text);
  await page.locator(`${editor} .monaco-editor:visible`).click();
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Control+V');
}
const QUERY = '.graphiql-query-editor';
const TOOL = '.graphiql-editor-tool';

/** The text of one of the editors, as shown. */
const text = (page, editor) => page.locator(`${editor} .monaco-editor:visible .view-lines`).innerText();

/** Whether one of the editors shows something, now or soon. */
async function shows(page, editor, what) {
  for (let i = 0; i < 50; i++) {
    if ((await text(page, editor)).includes(what)) return true;
    await page.waitForTimeout(100);
  }
  return false;
}

const kept = page =>
  page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));

// As it comes, in the light.
{
  const { context, page } = await open('light');
  const introspected = page.waitForResponse(r => r.request().postData()?.includes('IntrospectionQuery') ?? false);
  const response = await page.goto(address.href);
  expect(response.headers()['content-security-policy']?.includes("default-src 'none'"), 'the page has a policy');
  const schema = await (await introspected).json();
  expect(schema.data?.__schema?.types?.length > 50, 'the schema is loaded');
  await ready(page);

  const config = JSON.parse(await page.locator('#config').textContent());
  const token = config.token || values.token;
  const names = await titles(page);
  const tabbed = config.examples.filter(e => e.area === 'start');
  expect(names.length === tabbed.length, `one tab for each example to start with: ${names.join(', ')}`);
  if (!config.token) {
    expect((await shows(page, TOOL, 'Bearer')), 'there is a place for the token');
    await paste(page, TOOL, JSON.stringify({ Authorization: `Bearer ${token}` }));
  }

  for (const [i, name] of names.entries()) {
    if (i > 0) await tabs(page).nth(i).click();
    expect((await shows(page, TOOL, token)), `${name} has the token`);
    if (/": *""/.test(tabbed[i].variables ?? '')) continue; // an id of one's own belongs there
    if (/^subscription /m.test(tabbed[i].query)) continue; // which is never over
    const { answer, shown } = await execute(page);
    expect(answer.data && Object.values(answer.data).every(v => v !== null) && !answer.errors, `${name} is answered`, JSON.stringify(answer.errors ?? answer).slice(0, 500));
    expect(shown.includes('"data"'), `${name} is shown`);
    await page.waitForTimeout(400); // the editor checks a moment after a change
    await page.locator(`${QUERY} .squiggly-error`).first().waitFor({ state: 'detached', timeout: 5000 }).catch(() => {});
    expect((await page.locator(`${QUERY} .squiggly-error`).count()) === 0, `${name} is valid in the editor`);
  }
  expect(trouble.length === 0, 'nothing went wrong with the examples', `\n${trouble.join('\n')}`);
  await tabs(page).first().click();
  await page.mouse.move(640, 790);
  await page.waitForTimeout(700); // tabs are saved half a second after a change
  await shot(page, 'light');

  expect((await kept(page)).includes('searchProducts'), 'queries are kept');
  expect(!(await kept(page)).includes(token), 'no token is kept');
  // A secret pasted into the editor is not kept either, over a reload.
  const secret = 'canary-5f0c1d';
  await paste(page, TOOL, `{"Authorization": "Bearer ${secret}"}`);
  expect((await shows(page, TOOL, secret)), 'a header can be pasted');
  await page.waitForTimeout(700);
  expect(!(await kept(page)).includes(secret), 'no pasted header is kept');
  await tabs(page).nth(1).click();
  await page.waitForTimeout(700);
  expect(!(await kept(page)).includes(secret), 'no pasted header is kept with its tab');
  await page.reload();
  await ready(page);
  expect((await shows(page, TOOL, 'Bearer')) && !(await text(page, TOOL)).includes(secret), 'a pasted header is gone after a reload');
  expect((await titles(page)).join() === names.join(), 'tabs are there after a reload');
  await page.locator('[role=tab][aria-selected=true]', { hasText: names[1] }).waitFor();
  expect(true, 'the open tab is open after a reload');
  await tabs(page).first().click();
  if (!config.token) await paste(page, TOOL, JSON.stringify({ Authorization: `Bearer ${token}` }));
  const again = await execute(page);
  expect(Boolean(again.answer.data), 'a query runs after a reload');

  // The plugins.
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await page.getByText('Root Types').waitFor();
  await page.getByRole('link', { name: 'Query', exact: true }).or(page.locator('.graphiql-doc-explorer-type-name', { hasText: /^Query$/ })).first().click();
  await page.getByText('searchProducts').first().waitFor();
  await shot(page, 'docs');
  expect(true, 'the documentation is shown');
  await page.getByRole('button', { name: 'Show GraphiQL Explorer' }).click();
  await page.locator('.graphiql-explorer-root, .docExplorerWrap').getByText('searchPatients').first().waitFor();
  await shot(page, 'explorer');
  expect(true, 'the explorer is shown');
  await page.getByRole('button', { name: 'Show Examples' }).click();
  await page.locator('summary', { hasText: 'Patients' }).press('Enter');
  await page.getByRole('button', { name: 'patient', exact: true }).press('Enter'); // no mouse is needed
  expect(await shows(page, QUERY, 'Patient($id'), 'an example opens as a tab');
  await page.getByRole('button', { name: 'Show Cost' }).click();
  if (config.token) {
    await execute(page);
    const cost = page.getByRole('table', { name: 'Cost of the last operation' });
    await cost.getByRole('row', { name: '2 calls to the partner' }).waitFor();
    expect(!(await page.locator('.result-window').textContent()).includes('upstreamCalls'), 'what it cost is beside the answer, not in it');
    await page.getByRole('button', { name: 'Explain' }).click();
    const waves = page.getByRole('list', { name: 'Waves of calls' }).locator('> li');
    await waves.first().getByText('1 × getPatient').waitFor();
    expect((await waves.count()) === 1, 'the plan is shown in waves');
    await shot(page, 'cost');
    await paste(page, QUERY, '{ nodes(ids: ["nothing"]) { id } }');
    await run(page).click();
    await page.locator('.page-cost dd', { hasText: 'A wrong variable, argument' }).waitFor();
    expect(true, 'the code of an error is explained');
  }
  await page.getByRole('button', { name: 'Show History' }).click();
  await page.locator('.graphiql-history-item').first().waitFor();
  if (token) expect(!(await kept(page)).includes(token), 'no token is kept with the history');
  const remembered = await page.locator('.graphiql-history-item-label').allTextContents();
  await page.waitForTimeout(700);
  await page.reload();
  await ready(page);
  await page.locator('.graphiql-history-item').first().waitFor();
  expect((await page.locator('.graphiql-history-item-label').allTextContents()).join() === remembered.join() && remembered.length > 3, 'the history is there after a reload', remembered.join());
  await page.locator('.graphiql-history-item-label', { hasText: 'Catalog' }).first().click();
  expect((await shows(page, QUERY, 'searchProducts')) && (await shows(page, TOOL, config.token || 'Bearer')), 'what is taken from it has the headers of a new tab');
  if (!config.token) await paste(page, TOOL, JSON.stringify({ Authorization: `Bearer ${token}` }));
  const lasting = await page.evaluate(() => Object.keys(localStorage).sort().join());
  expect(!/queries|tabState|headers|variables/.test(lasting), `local storage holds no query: ${lasting}`);

  expect((await page.locator('svg title').allTextContents()).includes('play icon'), 'icons have titles');

  // The editor knows the schema, and Prettier is loaded when it is asked for.
  await page.getByRole('button', { name: 'New tab' }).click();
  expect((await shows(page, TOOL, token)), 'a new tab has the token');
  await paste(page, QUERY, '{nonsense}');
  await page.locator(`${QUERY} .squiggly-error`).first().waitFor();
  expect(true, 'a wrong field is marked');
  await paste(page, QUERY, '{patients{totalCount}}');
  await page.getByRole('button', { name: /^Prettify query/ }).click();
  await page.locator(`${QUERY} .view-line`).nth(4).waitFor();
  expect(true, 'a query is made pretty');

  // A link holds the query and no header.
  await page.getByRole('button', { name: 'Copy link to query and variables' }).click();
  await page.getByRole('button', { name: 'Link copied' }).waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  expect(link.includes('totalCount') && !link.includes(token), 'a link holds the query and not the token', link);
  const other = await context.newPage();
  await other.goto(link);
  await ready(other);
  expect((await shows(other, QUERY, 'totalCount')) && new URL(other.url()).hash === '', 'the link opens the query');
  await other.close();

  // A subscription is an event stream with the token, and shows what happens while it runs.
  await tabs(page).filter({ hasText: 'Live' }).click();
  const asked = page.waitForRequest(r => r.headers().accept?.includes('text/event-stream') ?? false);
  await run(page).click();
  expect(await shows(page, QUERY, `${address.href}_sandbox/webhooks`), 'the example names the address of this page', await text(page, QUERY));
  expect((await asked).headers().authorization === `Bearer ${token}`, 'a subscription is an event stream with the token');
  if (config.token) {
    await (await asked).response(); // it has begun
    for (const canary of ['Ada the First', 'Ada the Second']) {
      const data = { patient: { id: 'b1000000-0000-4000-8000-000000000001', first_name: canary, last_name: 'Sample' } };
      await page.evaluate(event => fetch('_sandbox/webhooks', { method: 'POST', body: JSON.stringify(event) }), { type: 'patient.updated', data });
      await page.locator('.result-window').getByText(canary).first().waitFor();
    }
    expect(true, 'events are shown as they happen');
  }
  await page.getByRole('button', { name: 'Stop query' }).click();
  expect(trouble.length === 0, 'nothing went wrong in the light', `\n${trouble.join('\n')}`);
  await context.close();
}

// In the dark.
{
  const { context, page } = await open('dark');
  await page.goto(address.href);
  await ready(page);
  if ((await page.locator('#config').textContent()).includes('"token"')) {
    await tabs(page).nth(1).click();
    const { answer } = await execute(page);
    expect(Boolean(answer.data), 'a query runs in the dark');
  }
  await page.mouse.move(640, 790);
  await page.waitForTimeout(700);
  await shot(page, 'dark');
  expect(trouble.length === 0, 'nothing went wrong in the dark', `\n${trouble.join('\n')}`);
  await context.close();
}

// On wide and narrow screens, with and without something at the side.
for (const colorScheme of ['light', 'dark']) {
  const { context, page } = await open(colorScheme);
  await page.goto(address.href);
  await ready(page);
  for (const width of [1280, 420]) {
    await page.setViewportSize({ width, height: 800 });
    for (const panel of ['', 'Documentation Explorer', 'GraphiQL Explorer', 'History']) {
      const what = `${colorScheme}, ${width} px, ${panel || 'nothing at the side'}`;
      if (panel) await page.getByRole('button', { name: `Show ${panel}` }).click();
      await page.waitForTimeout(500);
      await shot(page, `${colorScheme}-${width}-${(panel || 'closed').split(' ')[0].toLowerCase()}`);
      const layout = await page.evaluate(() => {
        const box = selector => {
          const { left, right, top, bottom } = document.querySelector(selector).getBoundingClientRect();
          return { left, right, top, bottom };
        };
        return {
          wide: document.documentElement.scrollWidth - innerWidth,
          tabs: document.querySelector('.graphiql-tabs').scrollWidth - document.querySelector('.graphiql-tabs').clientWidth,
          logo: box('.graphiql-logo'),
          editor: box('.graphiql-query-editor'),
          header: box('.graphiql-session-header'),
          run: box('.graphiql-execute-button'),
        };
      });
      const { logo, header, editor, run: button } = layout;
      expect(layout.wide <= 0, `${what}: it fits`, `${layout.wide} px too wide`);
      expect(logo.bottom - logo.top < 40 && logo.right <= header.right + 1 && logo.top >= header.top, `${what}: the header's name is in one line`, JSON.stringify(layout));
      if (panel) {
        const { height = 0, width: across = 0 } = (await page.locator('.graphiql-plugin').boundingBox()) ?? {};
        expect(height > 200 && across > 200, `${what}: it is shown`, `${across} by ${height} px`);
      }
      expect(width < 1280 || layout.tabs <= 0, `${what}: all tabs are shown`, `${layout.tabs} px are not`);
      expect(editor.right - editor.left > 300 && editor.bottom - editor.top > 150 && button.right <= width, `${what}: there is room for a query`, JSON.stringify(layout));
    }
    await page.getByRole('button', { name: 'Hide History' }).click();
  }
  expect(trouble.length === 0, `nothing went wrong on screens of any width, ${colorScheme}`, `\n${trouble.join('\n')}`);
  await context.close();
}

await browser.close();
finish();

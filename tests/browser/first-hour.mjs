// Opens what docs/first-hour.md has built, and the gateway's own page, in headless Chromium.
//
//   node first-hour.mjs http://127.0.0.1:8080/ http://127.0.0.1:5173/ 'curl …'
import { execFileSync } from 'node:child_process';
import { expect, finish, launch } from '../../internal/web/ui/browser.mjs';

const [gateway, site, change] = process.argv.slice(2);
const browser = await launch();
const page = await browser.newPage();
const trouble = [];
page.on('console', m => m.type() === 'error' && trouble.push(m.text()));
page.on('pageerror', e => trouble.push(String(e)));

let start = Date.now();
await page.goto(gateway);
await page.locator('.graphiql-query-editor .monaco-editor .view-line').first().waitFor();
await page.getByRole('button', { name: 'Execute query (Ctrl-Enter)' }).click();
await page.waitForFunction(() => /"data"/.test(document.querySelector('.result-window')?.textContent ?? ''));
expect(true, `the first query is answered ${Date.now() - start} ms after the page was opened`);

await page.goto(site);
await page.getByText('800 patients').waitFor();
let shown = false;
for (let i = 0; i < 20 && !shown; i++) { // the page may not have subscribed yet
  start = Date.now();
  execFileSync('sh', ['-c', change]);
  shown = await page.getByText('Val Vandermeer').waitFor({ timeout: 500 }).then(() => true, () => false);
}
expect(shown, `a change is on the page after ${Date.now() - start} ms`);
expect(trouble.length === 0, 'nothing was wrong on the pages', trouble.join('\n'));
await browser.close();
finish();

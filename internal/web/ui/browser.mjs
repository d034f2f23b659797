// Headless Chromium for checks, and how they count.
import { chromium } from 'playwright-core';

/** Starts Chromium. It asks no host by itself. */
export const launch = (executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium') =>
  chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });

let passed = 0;
let failed = 0;

/** Notes and prints whether something is as it should be. */
export function expect(ok, what, detail = '') {
  if (ok) passed++;
  else failed++;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what}${ok || detail === '' ? '' : `: ${detail}`}`);
}

/** Prints the count and ends the process. */
export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed > 0 || passed === 0 ? 1 : 0);
}

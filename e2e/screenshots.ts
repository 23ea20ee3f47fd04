/**
 * Takes the pictures of the README from a console that runs, with a month of made-up usage:
 *
 *   npm run screenshots        writes docs/images/*.png
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { fillUsage } from '../test/support/fill-usage.ts';
import { startGatewayProcess } from '../test/support/gateway-process.ts';
import { openBrowser } from './support/browser.ts';

const IMAGES = join(import.meta.dirname, '..', 'docs', 'images');
const KEY = 'key-of-the-screenshots';
const USER = 'ana';
const CONFIG = `
tiers:
  pro:
    rank: 10
    allowances:
      - { name: daily, unit: request, limit: 1000, window: day }
      - { name: opus, unit: turn, limit: 20, window: day, models: [claude-opus-*] }
      - { name: tokens, unit: token, limit: 50000000, window: month }
    routes:
      - { match: 'models-of:internal', to: internal }
      - { match: 'claude:haiku', to: [claude, internal/default] }
      - { match: claude, to: [claude, internal/default] }
      - { match: gpt, to: internal/default }
admin: { users: [${USER}] }
`;

const folder = await mkdtemp(join(tmpdir(), 'llm-gateway-screenshots-'));
const subject = createHash('sha256').update(`static\0${USER}`).digest('hex');
await fillUsage({
  dataDir: join(folder, 'data'),
  users: 200,
  now: Date.now(),
  also: [{ subject, user: USER, tier: 'pro' }],
});
const gateway = await startGatewayProcess({
  env: { STATIC_KEYS: `${KEY}=${USER}:pro` },
  configYaml: CONFIG,
  dataDir: join(folder, 'data'),
});
const browser = await openBrowser();
try {
  await mkdir(IMAGES, { recursive: true });
  for (const model of ['claude-opus-5-5', 'claude-haiku-5-5', 'gpt-5', 'claude-sonnet-5-5']) await ask(model);
  const page = await browser.newPage({ viewport: { width: 1100, height: 940 }, colorScheme: 'light' });
  await page.goto(`${gateway.url}/console`);
  await page.fill('[name=key]', KEY);
  await page.click('main button');
  // What was asked is written down a second later.
  await page.waitForTimeout(1_500);
  await shoot(page, '', 'console-overview');
  await shoot(page, '/connect', 'console-connect');
  await shoot(page, '/backends', 'console-backends');
  await page.emulateMedia({ colorScheme: 'dark' });
  await shoot(page, '/explain?user=ana&tier=pro&model=claude-opus-5-5', 'console-explain-dark');
  await page.setViewportSize({ width: 390, height: 780 });
  await shoot(page, '', 'console-phone-dark');
} finally {
  await browser.close();
  await gateway.kill();
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function shoot(page: Page, path: string, name: string): Promise<void> {
  await page.goto(`${gateway.url}/console${path}`);
  await page.screenshot({ path: join(IMAGES, `${name}.png`) });
  process.stdout.write(`docs/images/${name}.png\n`);
}

async function ask(model: string): Promise<void> {
  const response = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
    body: JSON.stringify({ model, max_tokens: 200, messages: [{ role: 'user', content: 'Hello' }] }),
  });
  await response.text();
}

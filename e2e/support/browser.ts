/** A person at a real browser. */
import { spawnSync } from 'node:child_process';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Person } from '../keycloak/sign-in.ts';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const found = PATHS.find((path) => spawnSync(path, ['--version']).status === 0);

/** Why there is no browser; null: there is one. */
export const whyNoBrowser = (): string | null => (found === undefined ? 'Chromium is missing' : null);

export function openBrowser(): Promise<Browser> {
  if (found === undefined) throw new Error('Chromium is missing');
  return chromium.launch({ executablePath: found, args: ['--no-sandbox'] });
}

/** Types the code and signs in at Keycloak, up to the gateway's question. */
export async function signInWithCode(page: Page, address: string, code: string, person: Person) {
  await page.goto(address);
  await page.fill('[name=user_code]', code);
  await page.click('button');
  await page.waitForSelector('#username');
  await page.fill('#username', person.username);
  await page.fill('#password', person.password);
  await page.click('[type=submit]');
  await page.waitForSelector('text=/Allow this sign-in|No subscription|Not signed in/');
}

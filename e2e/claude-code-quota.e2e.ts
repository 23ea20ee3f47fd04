/** What people see of their quota in the real Claude Code: turns, the warning, the page of /usage, the refusal. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type GatewayProcess, startGatewayProcess } from '../test/support/gateway-process.ts';
import { skipBecause } from '../test/support/skip.ts';
import { runClaudeCode } from './support/claude-code.ts';
import { type CountingProxy, startCountingProxy } from './support/counting-proxy.ts';
import { inDirectory } from './support/in-directory.ts';
import { assertAnswered, call } from './support/scene.ts';
import { type Stage, setStage } from './support/stage.ts';
import { openTerminal, type Terminal, whyNoTerminal } from './support/terminal.ts';

const timeout = 180_000;
const KEY = 'e2e-turns-key-7Rw2';

const plan = (allowance: string) => `
tiers:
  free: { rank: 0, requestsPerDay: 10, routes: [{ match: claude, to: internal/default }] }
  team:
    rank: 1
    allowances: [${allowance}]
    routes: [{ match: claude, to: internal/default }]
`;

async function onPlan(allowance: string, run: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = await setStage({ STATIC_KEYS: `${KEY}=ana:team` }, plan(allowance));
  try {
    await run(stage);
    stage.assertPlayed();
  } finally {
    await stage.close();
  }
}

interface QuotaBody {
  readonly unit: string;
  readonly used: number;
  readonly pending: number;
}

async function quotaOf({ gateway }: Pick<Stage, 'gateway'>): Promise<QuotaBody> {
  const response = await fetch(`${gateway.url}/quota`, { headers: { authorization: `Bearer ${KEY}` } });
  return (await response.json()) as QuotaBody;
}

test(
  'a prompt with twelve calls of tools is one turn, the next prompt another, the third is refused',
  {
    timeout,
  },
  () =>
    onPlan('{ name: turns, unit: turn, limit: 2 }', (stage) =>
      inDirectory(async (cwd) => {
        for (let index = 0; index < 12; index++) {
          await writeFile(join(cwd, `f${index}.txt`), `${index}`);
          stage.internal.say({
            tools: [call(`c${index}`, 'Read', { file_path: join(cwd, `f${index}.txt`) })],
          });
        }
        stage.internal.say({ text: 'All read.' });
        const ask = { prompt: 'Read all files.', baseUrl: stage.proxy.url, token: KEY, tools: ['Read'], cwd };
        assertAnswered(await runClaudeCode(ask), 'All read.');
        assert.equal(stage.internal.requests.length, 13);
        const { unit, used, pending } = await quotaOf(stage);
        assert.deepEqual([unit, used, pending], ['turn', 1, 0]);

        stage.internal.say({ text: 'Yes.' });
        assertAnswered(await runClaudeCode({ ...ask, prompt: 'Sure?' }), 'Yes.');
        const refused = await runClaudeCode({ ...ask, prompt: 'Really?' });
        assert.equal(refused.isError, true);
        assert.match(refused.result, /Daily quota of 2 prompts used up \("team" tier\); it resets at/);
        assert.equal((await quotaOf(stage)).used, 2);
        assert.equal(stage.internal.requests.length, 14);
      }),
    ),
);

const reason = whyNoTerminal();
const skip = reason === null ? false : skipBecause(`${reason}: Claude Code's terminal and its quota`);

/** The demo model answers whatever a terminal asks by itself; what is counted is what this is about. */
async function inTerminal(
  run: (gateway: GatewayProcess, proxy: CountingProxy, terminal: Terminal) => Promise<void>,
) {
  const folder = await mkdtemp(join(tmpdir(), 'llm-gateway-quota-terminal-'));
  const configYaml = plan('{ name: daily, limit: 4 }');
  const gateway = await startGatewayProcess({ env: { STATIC_KEYS: `${KEY}=ana:team` }, configYaml });
  const proxy = await startCountingProxy(gateway.url);
  const env = { ANTHROPIC_BASE_URL: proxy.url, ANTHROPIC_AUTH_TOKEN: KEY, CLAUDE_CODE_USE_GATEWAY: '1' };
  const terminal = await openTerminal({ folder, managedSettings: { env } });
  try {
    await run(gateway, proxy, terminal);
  } finally {
    terminal.close();
    await proxy.close();
    await gateway.kill();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

test(
  'in its terminal Claude Code warns from 75 % on, shows /usage and the refusal; titles, /context and looking are free',
  {
    skip,
    timeout,
  },
  () =>
    inTerminal(async (gateway, proxy, terminal) => {
      const say = async (text: string) => {
        await pause(1000);
        terminal.type(text);
        await pause(500);
        terminal.press('Enter');
      };
      const used = async () => (await quotaOf({ gateway })).used;
      /** By the count and not by the screen, where the prompt itself can be read at once. */
      const answered = async (count: number) => {
        await pause(3000);
        await terminal.see(/done \d/);
        assert.equal(await used(), count);
      };
      await terminal.see(/Choose the text style/);
      terminal.press('Enter');
      await terminal.see(/Security notes/);
      terminal.press('Enter');
      await terminal.choose(/Yes, I trust this folder/);
      await terminal.see(/Cloud gateway/);
      assert.equal(await used(), 0, 'looking at the quota at the start is free');

      await say('say one');
      await answered(1);
      await say('/context');
      await terminal.see(/tokens/i);
      const counted = proxy.seen.filter(({ path }) => path.includes('count_tokens'));
      assert.ok(counted.length > 1, 'the context is counted in many questions');
      assert.equal(await used(), 1, 'one prompt, its title and the count of its context are one request');

      await say('say two');
      await answered(2);
      assert.doesNotMatch(terminal.screen(), /You've used/);
      await say('say three');
      await terminal.see(/You've used 75% of your usage credits · resets/);
      await say('/usage');
      await terminal.see(/Spend limit[\s\S]*75% used/);
      terminal.press('Escape');
      await say('say four');
      await answered(4);
      await say('say five');
      await terminal.see(/Daily quota of 4 requests used up/);
      assert.equal(await used(), 4);
      const refusals = proxy.seen.filter(({ status }) => status === 429);
      assert.ok(refusals.length <= 2, 'nothing is tried again');
    }),
);

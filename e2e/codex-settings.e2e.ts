/** The real Codex with a sign-in that expires, with our list of models, and in its terminal. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startFakeIssuer } from '../test/support/fake-issuer.ts';
import { skipBecause } from '../test/support/skip.ts';
import { runCodex } from './support/codex.ts';
import { openCodex, terminalMissing } from './support/codex-terminal.ts';
import { assertCodexAnswered, CODEX_PLAN } from './support/codex-ways.ts';
import { processesOf } from './support/end-codex.ts';
import { inDirectory } from './support/in-directory.ts';
import { call, onSharedStage, textOf } from './support/scene.ts';
import { onStage } from './support/stage.ts';

/** Prints the first line of a file, and drops it while another follows: a helper whose token is renewed. */
const nextOf = (file: string): [string, ...string[]] => [
  'sh',
  '-c',
  `sed -n 1p ${file}; [ $(wc -l < ${file}) -gt 1 ] && sed -i 1d ${file}; true`,
];

test('a token that has expired is renewed by its command, and nobody notices', {
  timeout: 120_000,
}, async () => {
  const issuer = await startFakeIssuer();
  try {
    await onStage(
      (stage) =>
        inDirectory(async (home) => {
          const roles = { resource_access: { 'llm-gateway': { roles: ['tier-pro'] } } };
          const expired = await issuer.sign({ ...roles, iat: 1_000_000, exp: 1_000_300 });
          const fresh = await issuer.sign(roles);
          const file = join(home, 'tokens');
          await writeFile(file, `${expired}\n${fresh}\n`);
          stage.internal.say({ text: 'Still here.' });
          const run = await runCodex({
            prompt: 'Hello',
            origin: stage.proxy.url,
            tokenCommand: nextOf(file),
            model: 'gpt-5.5',
            home,
          });
          assertCodexAnswered(run, 'Still here.');
          const asked = stage.proxy.seen.map(({ method, status }) => `${method} ${status}`);
          assert.ok(asked.includes('GET 401') || asked.includes('POST 401'), asked.join());
          assert.equal(asked.filter((one) => one === 'POST 200').length, 1);
          assert.equal(stage.internal.requests.length, 1);
        }),
      { AUTH_PROVIDER: 'keycloak', KEYCLOAK_URL: issuer.issuer, STATIC_KEYS: '' },
    );
  } finally {
    await issuer.close();
  }
});

const scene = onSharedStage(`${CODEX_PLAN}
backends:
  internal: { kind: internal, contextWindow: 32000 }
`);

scene('our list tells Codex the true window, so that it compacts in time by itself', async (s) => {
  const full = { input: 30_500, output: 10 };
  s.internal.say({ tools: [call('call_1', 'exec_command', { cmd: 'echo looked' })], usage: full });
  s.internal.say({ text: 'SUMMARY: they looked.' }, { text: 'All is well.' });
  const run = await s.codex({
    prompt: 'Look around.',
    tokenCommand: ['echo', s.freeKey],
    model: 'qwen3-32b',
  });
  assert.deepEqual([run.texts.at(-1), run.exitCode], ['All is well.', 0], run.stdout);
  assert.doesNotMatch(run.stdout, /Model metadata for .* not found/);
  assert.match(textOf(s.internal.requests[2]), /SUMMARY: they looked\./);
  assert.equal(s.internal.requests.length, 3);
});

scene('a model of our list is given instructions, and patches files', async (s) => {
  const patch = '*** Begin Patch\n*** Add File: a.txt\n+patched\n*** End Patch\n';
  s.internal.say({ tools: [{ ...call('call_p', 'apply_patch', { input: patch }), kind: 'custom' }] });
  s.internal.say({ text: 'Patched.' });
  const run = await s.codex({ prompt: 'Patch.', tokenCommand: ['echo', s.freeKey], model: 'qwen3-32b' });
  assertCodexAnswered(run, 'Patched.');
  assert.match(textOf(s.internal.requests[0]), /You are a coding agent in the Codex CLI/);
  assert.match(textOf(s.internal.requests[1]), /Success\. Updated the following files/);
});

const missing = terminalMissing();

if (missing !== null) test('Codex in its terminal', { skip: skipBecause(missing) });
else {
  scene('Codex answers in its terminal', async (s) => {
    // One is for the title that Codex gives the conversation; either may be asked for first.
    const answer = { text: '{"title":"The sky scatters blue light."}' };
    s.internal.say(answer, answer);
    const home = join(s.cwd, '..', 'home');
    const ask = { origin: s.proxy.url, token: s.freeKey, model: 'qwen3-32b', home, cwd: s.cwd };
    const terminal = openCodex(ask);
    try {
      await terminal.shows(/qwen3-32b/);
      await terminal.type('Why is the sky blue?');
      await terminal.shows(/The sky scatters blue light\./);
      await s.internal.request(2);
      while (s.statuses().includes(0)) await pause(20);
      assert.deepEqual(
        s.statuses().filter((status) => status !== 200),
        [],
        terminal.screen(),
      );
      assert.doesNotMatch(terminal.screen(), /rerouted|stream error|reconnect/i);
      assert.equal(await s.charged(), 1, 'titles are free');
    } finally {
      terminal.close();
    }
  });

  scene('a used-up day is told in its terminal, with the time when it ends', async (s) => {
    for (let request = 0; request < 10; request += 1) {
      s.internal.say({ text: 'Spent.' });
      const body = JSON.stringify({ model: 'qwen3-32b', input: 'Hi' });
      const headers = { authorization: `Bearer ${s.freeKey}`, 'content-type': 'application/json' };
      const spent = await fetch(`${s.gateway.url}/v1/responses`, { method: 'POST', headers, body });
      assert.equal(spent.status, 200, await spent.text());
    }
    // The title that Codex gives the conversation is free, and so not refused.
    s.internal.say({ text: '{"title":"Sky"}' });
    const home = join(s.cwd, '..', 'home');
    const ask = { origin: s.proxy.url, token: s.freeKey, model: 'qwen3-32b', home, cwd: s.cwd };
    const terminal = openCodex(ask);
    try {
      await terminal.shows(/qwen3-32b/);
      await terminal.type('Why is the sky blue?');
      await terminal.shows(/hit your usage limit/);
      const said = terminal.screen().replaceAll(/\s+/g, ' ');
      assert.match(
        said,
        /usage limit\. Daily quota of 10 requests used up \("free" tier\); it resets at 00:00 .*or try again at .*\d:\d\d/,
      );
      assert.doesNotMatch(said, /chatgpt|upgrade|Plus/i);
      await s.internal.request(11);
      while (s.statuses().includes(0)) await pause(20);
      assert.deepEqual(s.statuses().sort(), [200, 429]);
      assert.equal(await s.charged(), 10);
    } finally {
      terminal.close();
    }
  });

  test('a test that is killed leaves neither terminal nor server behind', { timeout: 60_000 }, () =>
    inDirectory(async (home) => {
      const run = { origin: 'http://127.0.0.1:9', token: 'none', model: 'qwen3-32b', home, cwd: home };
      const program = `
        import { openCodex } from ${JSON.stringify(join(import.meta.dirname, 'support', 'codex-terminal.ts'))};
        await openCodex(${JSON.stringify(run)}).shows(/qwen3-32b/);
        console.log('open');`;
      const killed = spawn(process.execPath, ['--input-type=module', '-e', program]);
      await once(killed.stdout, 'data');
      assert.notDeepEqual(processesOf(home), []);
      killed.kill('SIGKILL');
      while (processesOf(home).length > 0) await pause(50);
    }),
  );
}

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { startGatewayProcess } from '../../support/gateway-process.ts';

const program = join(import.meta.dirname, '../../../bin/llm-gateway.js');

function top(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, 'top', ...args], { timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

test('a running gateway is shown with its tier and its backend', async (t) => {
  const gateway = await startGatewayProcess({ env: { STATIC_KEYS: 'top-key=ann:pro' } });
  t.after(() => gateway.stop('SIGKILL'));
  const asked = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': 'top-key', 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'claude-haiku-5-5',
      max_tokens: 20,
      messages: [{ role: 'user', content: 'Hi' }],
    }),
  });
  assert.equal(asked.status, 200);
  await asked.text();
  const { code, stdout } = await top('--url', gateway.metricsUrl, '--interval', '0.1', '--once');
  assert.equal(code, 0);
  assert.match(stdout, /1 of 1 replicas answer/);
  assert.match(stdout, /quota store {2}ok/);
  assert.match(stdout, /^pro /m);
  assert.match(stdout, /^internal .* 1\/1$/m);
});

test('where nothing answers, that is said and the exit status is 1', async () => {
  const { code, stdout } = await top('--url', 'http://127.0.0.1:9', '--interval', '0.1', '--once');
  assert.equal(code, 1);
  assert.match(stdout, /0 of 1 replicas answer\n {2}http:\/\/127\.0\.0\.1:9: /);
});

test('an interval that is none is a usage error', async () => {
  assert.equal((await top('--interval', 'soon')).code, 64);
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { skipBecause } from '../support/skip.ts';
import { startArguments } from '../support/start-arguments.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/llm-gateway.js');

test('serve is what npm start is: the same options of Node, in the process that was started', {
  skip: process.platform !== 'linux' && skipBecause('/proc tells what a process runs: Linux'),
}, async (t) => {
  const gateway = await startGatewayProcess({ main: [PROGRAM, 'serve'] });
  t.after(() => gateway.kill());
  const words = readFileSync(`/proc/${gateway.pid}/cmdline`, 'utf8').split('\0');
  const options = startArguments().slice(0, -1);
  assert.ok(options.length > 0);
  assert.deepEqual(words.slice(1, -1), [...options, PROGRAM, 'serve']);
  assert.equal((await fetch(`${gateway.url}/readyz`)).status, 200);
  assert.doesNotMatch(gateway.stderr(), /warning/i);
  assert.equal((await gateway.stop()).code, 0);
});

test('serve starts where no other process may be started', async (t) => {
  const permissions = ['--permission', '--allow-fs-read=*', '--allow-fs-write=*', '--allow-worker'];
  const gateway = await startGatewayProcess({ main: [...permissions, PROGRAM, 'serve'] });
  t.after(() => gateway.kill());
  assert.equal((await fetch(`${gateway.url}/readyz`)).status, 200);
});

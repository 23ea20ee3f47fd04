/** What the gateway writes down of each request, and what reaches a metering system. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSqliteUsage } from '../../src/usage/sqlite-usage.ts';
import { messages, startRig } from '../support/rig.ts';

interface Event {
  readonly id: string;
  readonly subject: string;
  readonly data: Readonly<Record<string, unknown>>;
}

async function startSink() {
  const events: Event[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    events.push(...(JSON.parse(Buffer.concat(chunks).toString()) as Event[]));
    response.writeHead(204).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { events, url: `http://127.0.0.1:${address.port}/events`, close: () => server.close() };
}

test('each request is written down once, however it ended, and told to the metering system, after an orderly end', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'llm-gateway-usage-'));
  const sink = await startSink();
  const rig = await startRig({
    GATEWAY_DATA_DIR: dataDir,
    USAGE_EXPORT_URL: sink.url,
    USAGE_EXPORT_TOKEN: 'canary-sink-token',
  });
  try {
    rig.claude.say({});
    rig.claude.reply({
      status: 400,
      body: '{"type":"error","error":{"type":"invalid_request_error","message":"no"}}',
    });
    const ids: (string | null)[] = [];
    for (const tier of ['pro', 'pro', 'free'] as const) {
      if (tier === 'free') rig.internal.say({});
      const response = await rig.post('/v1/messages', tier, messages('claude-haiku-5-5'));
      await response.text();
      ids.push(response.headers.get('request-id'));
    }
    const refused = await rig.post('/v1/messages', 'pro', messages('no-such-model'));
    assert.equal(refused.status, 404);
    ids.push(refused.headers.get('request-id'));
    rig.assertPlayed();
    assert.equal((await rig.gateway.stop('SIGINT')).code, 0);
    const usage = createSqliteUsage({ file: join(dataDir, 'usage.db'), dayOf: () => '', exports: false });
    const users = await usage.users('', 10);
    const rows = await usage.totals({ from: '2000-01-01', to: '2999-01-01', by: ['subject', 'backend'] });
    const seen = rows.map(({ user, backend, requests, refusals, refunds }) => [
      user,
      backend,
      requests,
      refusals,
      refunds,
    ]);
    assert.deepEqual(seen.toSorted(), [
      ['free-user', 'internal', 1, 0, 0],
      ['pro-user', 'claude', 1, 0, 1],
      ['pro-user', 'none', 0, 1, 0],
    ]);
    assert.ok(rows.every(({ inputTokens, requests }) => requests === 0 || inputTokens > 0));
    const waiting = (await usage.outbox.first(10)).map(({ record }) => record.requestId);
    await usage.close();
    const told = new Set([...sink.events.map(({ id }) => id), ...waiting]);
    assert.deepEqual(told, new Set(ids));
    assert.ok(users.every(({ subject }) => /^[0-9a-f]{64}$/.test(subject)));
    const kept = await readFile(join(dataDir, 'usage.db'), 'latin1');
    assert.doesNotMatch(kept + JSON.stringify(sink.events), /canary-(?:key|prompt)/);
  } finally {
    await rig.close();
    sink.close();
    await rm(dataDir, { recursive: true, force: true });
  }
});

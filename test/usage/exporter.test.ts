/** Export to a real HTTP server that fails, stalls, forgets what it has answered, and comes back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createExporter, type ExporterOptions } from '../../src/usage/exporter.ts';
import { createSqliteUsage } from '../../src/usage/sqlite-usage.ts';
import { createFakeTime } from '../quota/fake-time.ts';
import { within } from '../support/within.ts';
import { dayOf, NOON, record } from './records.ts';

interface Post {
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** Answers as told: a status, or `cut` to take the events and break the connection without a word. */
async function startSink() {
  const posts: Post[] = [];
  const sink = { answer: 204 as number | 'cut' | ((body: unknown) => number), posts };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
    posts.push({ headers: request.headers, body });
    if (sink.answer === 'cut') request.socket.destroy();
    else response.writeHead(typeof sink.answer === 'function' ? sink.answer(body) : sink.answer).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return Object.assign(sink, {
    url: `http://127.0.0.1:${address.port}/api/v1/events`,
    ids: () => posts.map(({ body }) => (body as { id: string }[]).map(({ id }) => id)),
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  });
}

async function start(changed: Partial<ExporterOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-export-'));
  const sink = await startSink();
  const time = createFakeTime(NOON);
  const usage = createSqliteUsage({ file: join(folder, 'usage.db'), dayOf, exports: true });
  const said: string[] = [];
  const delivered: string[] = [];
  const say = (_: unknown, message: string) => void said.push(message);
  const open = () =>
    createExporter({
      outbox: usage.outbox,
      url: sink.url,
      token: 'canary-sink-token',
      format: 'cloudevents',
      customer: 'subject',
      source: '/llm-gateway',
      batch: 2,
      capacity: 1_000,
      fetch,
      after: time.timers.after,
      log: { info: say, warn: say },
      onDelivery: (outcome, events) => void delivered.push(`${outcome} ${events}`),
      ...changed,
    });
  const exporter = open();
  const left = async () => (await usage.outbox.first(1_000)).length;
  const until = async (what: string, isTrue: () => boolean | Promise<boolean>) => {
    const look = async () => {
      while (!(await isTrue())) await time.settle();
    };
    await within(5_000, what, look());
  };
  return {
    sink,
    time,
    usage,
    exporter,
    open,
    said,
    delivered,
    left,
    until,
    async [Symbol.asyncDispose]() {
      await exporter.close();
      await usage.close();
      sink.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const three = () => ['r1', 'r2', 'r3'].map((requestId) => record({ requestId }));

test('events go out in batches as CloudEvents 1.0, with the token, and leave the disk when they were taken', async () => {
  await using place = await start();
  const { sink, usage, exporter, left, until } = place;
  await usage.add(three());
  exporter.wake();
  await until('an empty outbox', async () => (await left()) === 0);
  assert.deepEqual(sink.ids(), [['r1', 'r2'], ['r3']]);
  assert.equal(sink.posts[0]?.headers['content-type'], 'application/cloudevents-batch+json');
  assert.equal(sink.posts[0]?.headers.authorization, 'Bearer canary-sink-token');
  assert.deepEqual((sink.posts[1]?.body as unknown[])[0], {
    specversion: '1.0',
    id: 'r3',
    source: '/llm-gateway',
    type: 'llm.request',
    subject: 'a'.repeat(64),
    time: '2026-11-22T12:00:00.000Z',
    datacontenttype: 'application/json',
    data: {
      tier: 'pro',
      dialect: 'anthropic',
      model_requested: 'claude-opus-5-5',
      model: 'claude-haiku-5-5',
      backend: 'claude',
      status: 200,
      outcome: 'charged',
      requests: 1,
      input_tokens: 10,
      output_tokens: 20,
      cache_read_tokens: 30,
      cache_write_tokens: 40,
      duration_ms: 1235,
    },
  });
});

test('Lago is told in its own format', async () => {
  await using place = await start({ format: 'lago', customer: 'user' });
  const { sink, usage, exporter, until } = place;
  await usage.add([record({ requestId: 'r1' })]);
  exporter.wake();
  await until('a post', () => sink.posts.length === 1);
  const { events } = sink.posts[0]?.body as { events: Record<string, unknown>[] };
  const [{ properties, ...event } = {}] = events;
  assert.deepEqual(event, {
    transaction_id: 'r1',
    external_subscription_id: 'ana',
    code: 'llm_request',
    timestamp: NOON / 1000,
  });
  assert.equal((properties as Record<string, unknown>).output_tokens, 20);
});

for (const failure of [500, 401, 429, 'cut'] as const) {
  test(`a sink that fails (${failure}) gets everything when it is back, later and later, said once`, async () => {
    await using place = await start();
    const { sink, time, usage, exporter, left, until, said } = place;
    sink.answer = failure;
    await usage.add(three());
    exporter.wake();
    for (const [tries, pause] of [1_000, 2_000, 4_000].entries()) {
      await until('a try', () => sink.posts.length === tries + 1 && time.waiting() === 1);
      await time.pass(pause - 1);
      assert.equal(sink.posts.length, tries + 1);
      if (tries === 2) sink.answer = 202;
      await time.pass(1);
    }
    await until('an empty outbox', async () => (await left()) === 0);
    assert.deepEqual(sink.ids().slice(-2), [['r1', 'r2'], ['r3']]);
    assert.deepEqual(said, [
      'the usage sink does not take events; they wait on disk',
      'the usage sink takes events again',
    ]);
  });
}

test('what a sink took without saying so is sent again under the same id', async () => {
  await using place = await start();
  const { sink, time, usage, exporter, left, until } = place;
  sink.answer = 'cut';
  await usage.add([record({ requestId: 'r1' })]);
  exporter.wake();
  await until('a try', () => time.waiting() === 1);
  sink.answer = 200;
  await time.pass(1_000);
  await until('an empty outbox', async () => (await left()) === 0);
  assert.deepEqual(sink.ids(), [['r1'], ['r1']]);
});

test('an event that the sink will never take is found, dropped and said; the others arrive', async () => {
  await using place = await start();
  const { sink, usage, exporter, left, until, delivered } = place;
  sink.answer = (body) => (JSON.stringify(body).includes('"r2"') ? 400 : 200);
  await usage.add(three());
  exporter.wake();
  await until('an empty outbox', async () => (await left()) === 0);
  assert.deepEqual(sink.ids(), [['r1', 'r2'], ['r1'], ['r2', 'r3'], ['r2'], ['r3']]);
  assert.deepEqual(delivered, ['sent 1', 'dropped 1', 'sent 1']);
});

test('beyond its capacity the outbox drops the oldest, and says so', async () => {
  await using place = await start({ capacity: 2 });
  const { sink, time, usage, exporter, left, until, said } = place;
  sink.answer = 503;
  await usage.add(three());
  exporter.wake();
  await until('a try', () => time.waiting() === 1);
  await until('the drop', async () => (await left()) === 2);
  assert.ok(said.includes('usage events were dropped: too many wait for the sink'));
});

test('what was not delivered before the end is delivered after the next start', async () => {
  await using place = await start();
  const { sink, time, usage, exporter, open, left, until } = place;
  sink.answer = 503;
  await usage.add([record({ requestId: 'r1' })]);
  exporter.wake();
  await until('a try', () => time.waiting() === 1);
  await exporter.close();
  assert.equal(await left(), 1);
  sink.answer = 200;
  const next = open();
  next.wake();
  await until('an empty outbox', async () => (await left()) === 0);
  await next.close();
});

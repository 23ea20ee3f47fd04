/**
 * A gateway process before two replicas, one of which fails in some way; then two gateway processes that are restarted
 * one after the other. Whatever happens, each request is answered or its client is told, and the count is true.
 */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { chunk, completion, httpAnswer, STREAM_HEAD, startRawBackend } from '../hostile/raw-backend.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { KEYS } from '../support/rig.ts';
import { type Fate, fateOf, table } from './fates.ts';
import { SAID, startWellBackend } from './well-backend.ts';

type Act = (socket: Socket, number: number) => unknown;

/** All that is written, then the end of the connection. */
const says =
  (...pieces: readonly string[]): Act =>
  (socket) =>
    socket.end(pieces.join(''));
const WHOLE_STREAM = [STREAM_HEAD, chunk(SAID), chunk('', 'stop'), 'data: [DONE]\n\n'];

async function drip(socket: Socket): Promise<void> {
  for (const byte of WHOLE_STREAM.join('')) {
    if (socket.destroyed) return;
    socket.write(byte);
    await new Promise(setImmediate);
  }
  socket.end();
}

/** What the bad replica does with each request, and whether the client may see of it (only after content). */
const FAULTS: readonly { readonly what: string; readonly act: Act; readonly mayTell?: true }[] = [
  { what: 'resets the connection', act: (socket) => socket.resetAndDestroy() },
  { what: 'hangs up', act: (socket) => socket.end() },
  { what: 'never answers', act: () => undefined },
  { what: 'talks no HTTP', act: says('SSH-2.0-OpenSSH_9.2\r\n') },
  { what: 'stops within its headers', act: says('HTTP/1.1 200 OK\r\ncontent-ty') },
  { what: 'sends endless headers', act: says(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(200_000)}\r\n\r\n`) },
  { what: 'sends interim answers for ever', act: says('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100)) },
  {
    what: 'redirects',
    act: says('HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n'),
  },
  { what: 'says 503 with a web page', act: says('HTTP/1.1 503 No\r\ncontent-length: 6\r\n\r\n<html>') },
  { what: 'says 429', act: says('HTTP/1.1 429 No\r\ncontent-length: 0\r\n\r\n') },
  {
    what: 'promises more than it sends',
    act: says(
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n',
      completion(SAID),
    ),
  },
  { what: 'sends an empty stream', act: says(STREAM_HEAD) },
  {
    what: 'begins its stream with an error',
    act: says(STREAM_HEAD, 'data: {"error":{"message":"no","code":503}}\n\n'),
  },
  {
    what: 'stops before the first content',
    act: says(STREAM_HEAD, 'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'),
  },
  { what: 'stops within its answer', act: says(STREAM_HEAD, chunk('One two')), mayTell: true },
  {
    what: 'resets within its answer',
    act: (socket) =>
      socket.write(STREAM_HEAD + chunk('One two'), () => setTimeout(() => socket.resetAndDestroy(), 20)),
    mayTell: true,
  },
  {
    what: 'falls silent within its answer',
    act: (socket) => socket.write(STREAM_HEAD + chunk('One two')),
    mayTell: true,
  },
  {
    what: 'sends an event without end',
    act: says(STREAM_HEAD, `data: ${'x'.repeat(3_000_000)}`),
    mayTell: true,
  },
  { what: 'drips byte by byte', act: drip },
  { what: 'sends all at once, and then garbage', act: says(...WHOLE_STREAM, 'garbage'.repeat(100_000)) },
  { what: 'answers with JSON to a stream', act: (socket) => socket.write(httpAnswer(completion(SAID))) },
];

const REQUESTS = 12;
const CONFIG =
  'limits: { firstByteSeconds: 0.7, betweenBytesSeconds: 0.7, connectSeconds: 1, replyBytes: 1000000 }\n';
const rows: Record<string, string | number>[] = [];
after(() => process.stdout.write(`\n${table(rows)}\n\n`));

const count = (fates: readonly Fate[], fate: Fate) => fates.filter((one) => one === fate).length;

async function standing(url: string): Promise<{ readonly used: number; readonly pending: number }> {
  const response = await fetch(`${url}/quota`, { headers: { authorization: `Bearer ${KEYS.pro}` } });
  return (await response.json()) as { used: number; pending: number };
}

/** Settling goes on for a moment behind the last answer. */
async function settled(url: string): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const { used, pending } = await standing(url);
    if (pending === 0) return used;
    await pause(20);
  }
  throw new Error('reservations are left');
}

async function inFlight(url: string): Promise<number[]> {
  const health = (await (await fetch(`${url}/health`)).json()) as {
    backends: { internal: { replicas: { in_flight: number }[] } };
  };
  return health.backends.internal.replicas.map(({ in_flight }) => in_flight);
}

for (const { what, act, mayTell } of FAULTS) {
  test(`a replica ${what}: no request is lost, and the count is true`, async () => {
    const [bad, well] = await Promise.all([startRawBackend(), startWellBackend()]);
    bad.answer(act);
    const gateway = await startGatewayProcess({
      env: {
        INTERNAL_LLM_URL: `${bad.v1},${well.url}`,
        INTERNAL_LLM_MODEL: 'raw-model',
        STATIC_KEYS: `${KEYS.pro}=pro-user:pro`,
      },
      configYaml: CONFIG,
    });
    try {
      const fates = await Promise.all(
        Array.from({ length: REQUESTS }, (_, index) =>
          fateOf(gateway.url, index % 2 === 0, `session-${index}`),
        ),
      );
      const [survived, told, lost] = (['survived', 'told', 'lost'] as const).map((fate) =>
        count(fates, fate),
      );
      rows.push({
        'a replica …': what,
        tried: REQUESTS,
        survived: survived ?? 0,
        told: told ?? 0,
        lost: lost ?? 0,
      });
      assert.ok(bad.requests.length > 0, 'the bad replica was asked at all');
      assert.equal(lost, 0);
      if (mayTell !== true) assert.equal(survived, REQUESTS);
      assert.equal(await settled(gateway.url), survived, 'what was answered is charged, and nothing else');
      assert.deepEqual(await inFlight(gateway.url), [0, 0]);
    } finally {
      await gateway.kill();
      await Promise.all([bad.close(), well.close()]);
    }
  });
}

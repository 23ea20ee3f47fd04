/** Clients that are slow, many, or gone (platform.md D3, rows 16 to 23). */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openaiStream } from '../support/mock-replies.ts';
import { chat, KEYS, messages, type Rig, startRig } from '../support/rig.ts';
import { skipBecause } from '../support/skip.ts';
import { within } from '../support/within.ts';
import { descriptorsOf, hasConnection, hasProc, memoryOf } from './process-facts.ts';
import {
  chunk,
  completion,
  httpAnswer,
  type RawBackend,
  STREAM_HEAD,
  startRawBackend,
} from './raw-backend.ts';
import { dial, readAnswer, request } from './raw-client.ts';

/** For what comes of itself, however busy the machine is; without it these tests would wait for ever. */
const PATIENCE_MS = 60_000;
const IDLE_MS = 2000;

let rig: Rig;
before(async () => {
  rig = await startRig(
    {},
    'limits: { headersSeconds: 1, requestSeconds: 2, idleSeconds: 2, slowReaderSeconds: 2, keepAliveSeconds: 1 }\n',
  );
});
after(() => rig.close());
beforeEach(() => {
  for (const mock of [rig.internal, rig.claude, rig.openai]) mock.reset();
});

const post = (body: unknown, tier: keyof typeof KEYS = 'enterprise') =>
  request({
    method: 'POST',
    path: '/v1/chat/completions',
    headers: [`authorization: Bearer ${KEYS[tier]}`, 'content-type: application/json'],
    body: JSON.stringify(body),
  });

const closed = (socket: Socket) =>
  new Promise<void>((resolve) => socket.resume().once('close', () => resolve()));

/** Writes a byte at a time until the connection is closed. */
async function drip(socket: Socket, text: string): Promise<void> {
  for (const letter of text) {
    if (socket.destroyed || socket.writableEnded) return;
    socket.write(letter);
    await pause(50);
  }
}

async function standing(tier: keyof typeof KEYS, at: Rig) {
  return (await (await at.get('/quota', tier)).json()) as { used: number; pending: number };
}

/** Settling happens behind the answer, so the count is awaited. */
function settled(tier: keyof typeof KEYS, at = rig): Promise<number> {
  const waiting = async (): Promise<number> => {
    const { used, pending } = await standing(tier, at);
    if (pending === 0) return used;
    await pause(20);
    return waiting();
  };
  return within(PATIENCE_MS, 'nothing pending', waiting());
}

test('headers that drip are cut off in time, in words', async () => {
  const socket = await dial(rig.gateway.url);
  const answer = readAnswer(socket);
  void drip(socket, `GET /quota HTTP/1.1\r\nhost: a\r\nx-slow: ${'a'.repeat(500)}`);
  const { status, body } = await within(PATIENCE_MS, 'the refusal', answer);
  assert.equal(status, 408);
  assert.match(body, /not sent in time/);
});

test('a line of HTTP/0.9 and a connection that says nothing end the same way', async () => {
  for (const text of ['GET /quota\r\n', '']) {
    const socket = await dial(rig.gateway.url);
    if (text !== '') socket.write(text);
    assert.equal((await within(PATIENCE_MS, 'the refusal', readAnswer(socket))).status, 408);
  }
});

test('a body that drips is cut off in time and holds no quota', async () => {
  const before = await settled('free');
  const socket = await dial(rig.gateway.url);
  const answer = readAnswer(socket);
  const [head, body] = post(chat('gpt-5', { filler: 'x'.repeat(500) }), 'free').split('\r\n\r\n');
  socket.write(`${head}\r\n\r\n`);
  void drip(socket, body ?? '');
  assert.equal((await within(PATIENCE_MS, 'the refusal', answer)).status, 408);
  assert.equal(await settled('free'), before);
  rig.assertPlayed();
});

test('a thousand idle connections harm nobody and are closed in time', async () => {
  const sockets = await Promise.all(Array.from({ length: 1000 }, () => dial(rig.gateway.url)));
  const ends = Promise.all(sockets.map(closed));
  // Half of them have asked before, half never say a word.
  for (const [index, socket] of sockets.entries())
    if (index % 2 === 0) socket.write(request({ path: '/livez' }));
  rig.internal.say({});
  const response = await within(
    PATIENCE_MS,
    'an answer',
    rig.post('/v1/messages', 'free', messages('gpt-5')),
  );
  assert.equal(response.status, 200);
  await response.text();
  await within(PATIENCE_MS, 'the end of all idle connections', ends);
});

/** Asks on one connection for twice as long as an idle one is kept; null where this machine paused too long itself. */
async function useSteadily(): Promise<'answered' | 'closed' | null> {
  const socket = await dial(rig.gateway.url);
  let answers = 0;
  socket.setEncoding('latin1').on('data', (text: string) => {
    answers += text.match(/HTTP\/1\.1 200/g)?.length ?? 0;
  });
  try {
    const began = performance.now();
    for (let round = 1; performance.now() - began < 2 * IDLE_MS; round++) {
      socket.write(request({ path: '/livez' }));
      const asked = performance.now();
      while (answers < round && !socket.destroyed) await pause(20);
      await pause(IDLE_MS / 4);
      if (performance.now() - asked > IDLE_MS / 2) return null;
      if (socket.destroyed) return 'closed';
    }
    return 'answered';
  } finally {
    socket.destroy();
  }
}

test('a connection in use again and again is not idle', async () => {
  let result = await useSteadily();
  while (result === null) result = await useSteadily();
  assert.equal(result, 'answered');
});

/** A gateway of its own before a backend of bytes. */
async function withRawBackend(
  use: (own: Rig, backend: RawBackend) => Promise<void>,
  slowReaderSeconds = 2,
): Promise<void> {
  const backend = await startRawBackend();
  const own = await startRig(
    { INTERNAL_LLM_URL: backend.v1, INTERNAL_LLM_MODEL: 'raw-model' },
    `limits: { slowReaderSeconds: ${slowReaderSeconds}, keepAliveSeconds: 1 }\n`,
  );
  try {
    await use(own, backend);
  } finally {
    await own.close();
    await backend.close();
  }
}

const skip = !hasProc && skipBecause('memory and connections of a process are read from /proc: slow readers');

test('who does not read a whole answer is let go, and the memory with it', { skip }, async () => {
  await withRawBackend(async (own, backend) => {
    backend.answer((socket) => socket.write(httpAnswer(completion('x'.repeat(30_000_000)))));
    const socket = await dial(own.gateway.url);
    socket.write(post(chat('gpt-5'), 'pro'));
    socket.pause();
    const health = async () => (await fetch(`${own.gateway.metricsUrl}/metrics`)).text();
    while (!/_requests_total\{.*\} 1/.test(await health())) await pause(50);
    // Reading again shows what the gateway had still to send; what the kernel holds arrives all the same.
    const port = Number(new URL(own.gateway.url).port);
    while (hasConnection(port, socket.localPort ?? 0)) await pause(50);
    let received = 0;
    socket.on('data', (piece) => {
      received += piece.length;
    });
    await within(PATIENCE_MS, 'the end', closed(socket));
    assert.ok(received < 30_000_000, `${received} bytes`);
  });
});

test('who reads slowly but steadily gets the whole answer', async () => {
  await withRawBackend(async (own, backend) => {
    backend.answer((socket) => socket.write(httpAnswer(completion('x'.repeat(40_000_000)))));
    const socket = await dial(own.gateway.url);
    socket.write(post(chat('gpt-5'), 'pro'));
    let [received, burst] = [0, 0];
    // Bursts as large as what the kernel keeps on the way, or the other end would see no progress.
    socket.on('data', (piece) => {
      received += piece.length;
      burst += piece.length;
      if (burst < 6_000_000) return;
      burst = 0;
      socket.pause();
      setTimeout(() => socket.resume(), 1500);
    });
    const whole = async () => {
      while (received < 40_000_000 && !socket.destroyed) await pause(50);
    };
    await within(PATIENCE_MS, 'the answer', whole());
    assert.ok(received >= 40_000_000, `${received} bytes`);
    socket.destroy();
  }, 7);
});

test('a reader of 1 KB a second pauses a flood of events, and memory stays bounded', {
  skip,
}, async () => {
  await withRawBackend(async (own, backend) => {
    let poured = 0;
    backend.answer((socket) => {
      socket.write(STREAM_HEAD);
      const event = chunk('x'.repeat(16_000));
      const pour = () => {
        while (!socket.destroyed && poured < 3_000_000_000) {
          poured += event.length;
          if (!socket.write(event)) return;
        }
      };
      socket.on('drain', pour);
      pour();
    });
    const readers = await Promise.all(Array.from({ length: 10 }, () => dial(own.gateway.url)));
    const before = memoryOf(own.gateway.pid);
    for (const socket of readers) {
      socket.pause();
      socket.write(post(chat('gpt-5', { stream: true }), 'pro'));
      void (async () => {
        while (!socket.destroyed) {
          socket.read(100);
          await pause(100);
        }
      })();
    }
    try {
      await within(PATIENCE_MS, 'ten streams', backend.asked(10));
      await pause(1500);
      const growth = memoryOf(own.gateway.pid) - before;
      // V8's young generation alone takes 100 MB under such a flood (docs/decisions/2026-11-22-soak.md); all of it is 3 GB.
      assert.ok(growth < 200_000_000, `${growth} bytes more are in use for 10 streams`);
      assert.ok(poured < 150_000_000, `${poured} bytes were taken from the backend`);
    } finally {
      for (const socket of readers) socket.destroy();
    }
    while (backend.open() > 1) await pause(20);
  });
});

for (const [how, leave] of [
  ['a reset', (socket: Socket) => socket.resetAndDestroy()],
  ['a plain close', (socket: Socket) => socket.destroy()],
  // Nobody can tell a client that will still read from one that was closed: as nginx does, it is taken to have left.
  ['half a close', (socket: Socket) => socket.end()],
] as const) {
  test(`${how} before the first byte frees the backend and costs nothing`, async () => {
    const before = await settled('free');
    rig.internal.reply({ beforeHeaders: 'stall' });
    const socket = await dial(rig.gateway.url);
    socket.write(post(chat('gpt-5'), 'free'));
    const asked = await rig.internal.request(1);
    leave(socket);
    assert.equal(await within(PATIENCE_MS, 'the backend is free', asked.over), 'left');
    assert.equal(await settled('free'), before);
    socket.destroy();
  });
}

test('half a close after a request that is answered at once does not lose the answer', async () => {
  const socket = await dial(rig.gateway.url);
  const answer = readAnswer(socket);
  socket.end(request({ path: '/livez' }));
  assert.equal((await answer).status, 200);
});

test('a reset in the midst of a body leaves nothing behind', async () => {
  for (let round = 0; round < 20; round++) {
    const socket = await dial(rig.gateway.url);
    socket.write(post(chat('gpt-5'), 'free').slice(0, -20));
    await pause(5);
    socket.resetAndDestroy();
  }
  await settled('free');
  rig.assertPlayed();
});

test('five hundred clients that leave at once, in every phase, leave nothing behind', { skip }, async () => {
  // Short limits would send some of so many away before they are read, on a busy machine.
  const own = await startRig();
  try {
    await playLeavers(own);
  } finally {
    await own.close();
  }
});

async function playLeavers(own: Rig): Promise<void> {
  const gauge = async () =>
    /^gateway_requests_in_flight (\d+)$/m.exec(
      await (await fetch(`${own.gateway.metricsUrl}/metrics`)).text(),
    )?.[1];
  const phases = [
    { beforeHeaders: 'stall' },
    { ...openaiStream(), cut: { afterFrames: 3, by: 'stall' } },
  ] as const;
  const round = async () => {
    const sockets = await Promise.all(Array.from({ length: 500 }, () => dial(own.gateway.url)));
    own.internal.reply(...Array.from({ length: 500 }, (_, index) => phases[index % 2] ?? phases[0]));
    for (const [index, socket] of sockets.entries()) {
      socket.resume();
      const bytes = post(chat('qwen3-32b', { stream: true }));
      socket.write(index % 5 === 0 ? bytes.slice(0, -10) : bytes);
    }
    await within(PATIENCE_MS, '400 requests at the backend', own.internal.request(400));
    await Promise.all(own.internal.requests.map(({ over }) => Promise.race([over, pause(50)])));
    for (const [index, socket] of sockets.entries()) {
      if (index % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
    await within(
      PATIENCE_MS,
      'every exchange is over',
      Promise.all(own.internal.requests.map(({ over }) => over)),
    );
    await settled('enterprise', own);
    while ((await gauge()) !== '0') await pause(20);
    own.internal.reset();
  };
  const atRest = async () => {
    for (let last = Number.NaN; last !== descriptorsOf(own.gateway.pid); await pause(500))
      last = descriptorsOf(own.gateway.pid);
    return descriptorsOf(own.gateway.pid);
  };
  await round();
  const descriptors = await within(PATIENCE_MS, 'a first rest', atRest());
  await round();
  // Clients that left within a body are heard out for a moment before their sockets are closed.
  const asBefore = async () => {
    while (descriptorsOf(own.gateway.pid) >= descriptors + 20) await pause(100);
  };
  await within(PATIENCE_MS, 'as few open descriptors as after the first round', asBefore());
}

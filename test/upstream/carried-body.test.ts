/** A request's memory is given back when it is over, and never while a socket may still be sending it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { type Caller, createCaller } from '../../src/upstream/call.ts';
import { createCarriedBody } from '../../src/upstream/carried-body.ts';

const LIMITS = { connectSeconds: 2, firstByteSeconds: 20, betweenBytesSeconds: 20 };
const THROUGH = { destroyed: false, writableLength: 0 };

const bodyOf = (letter: string, length = 100_000) => Buffer.alloc(length, letter);

test('a body that every socket has passed on is given back, with its versions', () => {
  const body = bodyOf('a');
  const version = bodyOf('b');
  const carried = createCarriedBody(body);
  carried.sent(body);
  carried.carriedBy(THROUGH);
  carried.sent(version);
  carried.carriedBy(THROUGH);
  carried.release();
  assert.deepEqual([body.length, version.length], [0, 0]);
});

test('a body that was only translated is given back', () => {
  const body = bodyOf('a');
  const carried = createCarriedBody(body);
  carried.sent('{"another":"body"}');
  carried.release();
  assert.equal(body.length, 0);
});

for (const [what, carriers] of [
  ['a socket still sends', [{ destroyed: false, writableLength: 1 }]],
  ['one of two sockets still sends', [THROUGH, { destroyed: false, writableLength: 1 }]],
  ['a socket was destroyed', [{ destroyed: true, writableLength: 0 }]],
  ['a try that no socket is known of may still send', []],
] as const) {
  test(`a body that ${what} stays`, () => {
    const body = bodyOf('a');
    const carried = createCarriedBody(body);
    for (const _ of [0, ...carriers.slice(1)]) carried.sent(body);
    for (const carrier of carriers) carried.carriedBy(carrier);
    carried.release();
    assert.equal(body.length, 100_000);
  });
}

test('bytes that share their memory with others stay', () => {
  const body = bodyOf('a').subarray(1);
  const carried = createCarriedBody(body);
  carried.sent(body);
  carried.carriedBy(THROUGH);
  carried.release();
  assert.equal(body.length, 99_999);
});

/** Sends a body, reads the answer to its end and has the body released. */
async function sendAndRelease(caller: Caller, server: Server, body: Uint8Array): Promise<void> {
  const { port } = server.address() as AddressInfo;
  const { signal } = new AbortController();
  const carried = createCarriedBody(body);
  carried.sent(body);
  const target = { url: `http://127.0.0.1:${port}/`, method: 'POST', headers: {} } as const;
  const reply = await caller.call({ ...target, body, signal, onCarrier: carried.carriedBy });
  for await (const _ of reply.body);
  carried.release();
}

test('an answered call has told its socket, for bytes and for a view of them', async () => {
  const server = createHttpServer((request, response) =>
    request.resume().on('end', () => response.end('{}')),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const caller = createCaller(LIMITS);
  try {
    for (const body of [bodyOf('a'), new Uint8Array(bodyOf('b'))]) {
      await sendAndRelease(caller, server, body);
      assert.equal(body.length, 0);
    }
  } finally {
    await caller.close();
    server.close();
  }
});

/** Answers before it has read the request, and reads the rest of it when it is told to. */
async function startHasty() {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const head = () => {
      const start = socket.read() as Buffer | null;
      if (start === null) return;
      socket.off('readable', head);
      socket.unshift(start);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
    };
    socket.on('readable', head).on('error', () => undefined);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, sockets };
}

test('a backend that answers before it has read everything never reads another request', async () => {
  const { server, sockets } = await startHasty();
  const caller = createCaller(LIMITS);
  try {
    const body = bodyOf('a', 16_000_000);
    await sendAndRelease(caller, server, body);
    assert.equal(body.length, 16_000_000, 'the system cannot have taken all of it');
    for (let count = 0; count < 20; count++) bodyOf('z', 16_000_000);
    const [socket] = sockets;
    assert.ok(socket);
    let size = 0;
    socket.on('data', (piece: Buffer) => {
      const head = piece.indexOf('\r\n\r\n');
      const rest = piece.subarray(head < 0 ? 0 : head + 4);
      assert.ok(rest.equals(bodyOf('a', rest.length)));
      size += rest.length;
      if (size === 16_000_000) socket.destroy();
    });
    await once(socket, 'close');
    assert.equal(size, 16_000_000);
  } finally {
    await caller.close();
    server.close();
  }
});

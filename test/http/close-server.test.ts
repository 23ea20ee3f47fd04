/** The end of the listening socket: whoever has reached it is answered. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { sendBytes, sendJson } from '../../src/http/reply.ts';
import { createGatewayServer, type ServerOptions } from '../../src/http/server.ts';
import { createLog } from '../../src/observe/log.ts';
import { within } from '../support/within.ts';

const REQUEST = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
const PATIENCE_MS = 5000;

function createServer(handle: ServerOptions['handle'] = (scope) => sendJson(scope, 200, { done: true })) {
  return createGatewayServer({
    handle,
    log: createLog('silent', process.stderr),
    mintId: () => 'req_1',
    now: () => performance.now(),
    onRefused: () => undefined,
    limits: {
      connections: 1000,
      headersSeconds: 5,
      requestSeconds: 5,
      idleSeconds: 5,
      answerSeconds: 5,
      slowReaderSeconds: 5,
    },
  });
}

/** All that a connection says until it ends; how it broke, if it did. */
async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  await once(socket, 'close').catch((error: NodeJS.ErrnoException) => {
    text += error.code;
  });
  return text;
}

test('connections that wait to be taken when the server closes are answered', async () => {
  const server = createServer();
  const port = await server.listen(0, '127.0.0.1');
  const callers = Array.from({ length: 400 }, () => connect(port, '127.0.0.1'));
  const answers = callers.map((socket) => {
    socket.write(REQUEST);
    return readAll(socket);
  });
  // Connecting is the next tick's work, and taking a connection that of a later turn.
  await new Promise<void>((resolve) => process.nextTick(() => process.nextTick(resolve)));
  const closed = server.close(PATIENCE_MS);
  for (const answer of await within(4000, 'the answers', Promise.all(answers)))
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n.*connection: close\r\n/is);
  await within(4000, 'the end', closed);
  const late = connect(port, '127.0.0.1');
  assert.equal(await readAll(late), 'ECONNREFUSED');
});

for (const waited of [0, 98, 100, 102, 200])
  test(`a request that follows an answer which promised to keep the connection is answered, ${waited} ms after the end began`, async () => {
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    let requests = 0;
    const server = createServer(async (scope) => {
      requests += 1;
      if (requests > 1) {
        sendJson(scope, 200, { second: true });
        return;
      }
      scope.response.writeHead(200).write('first');
      begun.resolve();
      await go.promise;
      scope.response.end();
    });
    const port = await server.listen(0, '127.0.0.1');
    const socket = connect(port, '127.0.0.1');
    const all = readAll(socket);
    socket.write(REQUEST);
    await begun.promise;
    const closed = server.close(PATIENCE_MS);
    // About when those who have nothing to do are closed.
    await pause(waited);
    socket.on('data', (piece: string) => {
      // A proxy needs a moment to hand the answer on and to be asked again.
      if (piece.endsWith('0\r\n\r\n')) setTimeout(() => socket.write(REQUEST), 10);
    });
    go.resolve();
    assert.match(
      await within(4000, 'both answers', all),
      /connection: keep-alive.*first.*connection: close.*second/is,
    );
    await within(4000, 'the end', closed);
  });

/** A connection that has been answered once, and may be used again. */
async function keptConnection(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.write(REQUEST);
  await once(socket, 'data');
  return socket;
}

test('a request whose beginning has arrived is waited for', async () => {
  const server = createServer();
  const socket = await keptConnection(await server.listen(0, '127.0.0.1'));
  socket.write(REQUEST.slice(0, 10));
  await pause(20);
  const closed = server.close(PATIENCE_MS);
  const all = readAll(socket);
  await pause(400);
  socket.write(REQUEST.slice(10));
  assert.match(await within(4000, 'the answer', all), /^HTTP\/1\.1 200 OK\r\n.*connection: close\r\n/is);
  await within(4000, 'the end', closed);
});

test('bytes that begin no request hold up the end for a second at most', async () => {
  const server = createServer();
  const socket = await keptConnection(await server.listen(0, '127.0.0.1'));
  socket.write('\r\n');
  await pause(20);
  const closed = server.close(60_000);
  assert.equal(await within(4000, 'the end of the connection', readAll(socket)), '');
  await within(4000, 'the end', closed);
});

test('an answer whose last bytes still wait to be taken is not cut', async () => {
  const length = 8_000_000;
  const answered = Promise.withResolvers<void>();
  const server = createServer((scope) => {
    sendBytes(scope, 200, Buffer.alloc(length), {});
    answered.resolve();
  });
  const port = await server.listen(0, '127.0.0.1');
  const socket = connect(port, '127.0.0.1');
  socket.pause();
  socket.write(REQUEST);
  await answered.promise;
  const closed = server.close(PATIENCE_MS);
  await pause(300);
  const all = readAll(socket);
  socket.resume();
  const text = await within(4000, 'the whole answer', all);
  assert.equal(text.length - (text.indexOf('\r\n\r\n') + 4), length);
  await within(4000, 'the end', closed);
});

/** A client in a thread of its own, which goes on while this one is held up. */
const CLIENT = `
  const { parentPort, workerData } = require('node:worker_threads');
  const socket = require('node:net').connect(workerData.port, '127.0.0.1');
  let text = '';
  let asked = 0;
  socket.setEncoding('utf8');
  socket.on('data', (piece) => {
    text += piece;
    if (asked++ === 0) parentPort.postMessage('kept');
  });
  socket.on('error', (error) => { text += error.code; });
  socket.on('close', () => parentPort.postMessage(text));
  socket.write(workerData.request);
  parentPort.on('message', () => setTimeout(() => socket.write(workerData.request), 100));
`;

test('a request that arrives on a kept connection while the process is held up is read before the end', async () => {
  const server = createServer();
  const port = await server.listen(0, '127.0.0.1');
  const client = new Worker(CLIENT, { eval: true, workerData: { port, request: REQUEST } });
  try {
    await once(client, 'message');
    const said = once(client, 'message');
    client.postMessage('go');
    const closed = server.close(PATIENCE_MS);
    await pause(5);
    // Held up after what arrived was read, so that the timers that fall due come before what arrives meanwhile.
    await nextTurn();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
    const [text] = (await within(4000, 'the end of the connection', said)) as [string];
    assert.equal(text.split('HTTP/1.1 200').length - 1, 2, text);
    await within(4000, 'the end', closed);
  } finally {
    await client.terminate();
  }
});

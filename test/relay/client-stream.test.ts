/** What stands on the wire of a stream, whichever HTTP the client speaks. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { openClientStream } from '../../src/relay/client-stream.ts';

const PIECES = ['data: "grüße"\n\n', new TextEncoder().encode('data: "größer"\n\n'), '', 'data: "日本"\n\n'];
const LIMITS = { slowReaderMs: 5000, keepAliveMs: 5000 };

async function wireOf(version: string): Promise<{ head: string; body: string }> {
  const server = createServer(async (_request, response) => {
    const stream = openClientStream(response, () => '', LIMITS, new AbortController().signal);
    response.writeHead(200, { connection: 'close' });
    for (const piece of PIECES) await stream.write(piece);
    await stream.end('data: [DONE]\n\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(`GET / HTTP/${version}\r\nhost: x\r\n\r\n`);
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  server.close();
  const [head = '', ...body] = Buffer.concat(parts).toString().split('\r\n\r\n');
  return { head, body: body.join('\r\n\r\n') };
}

test('every piece is one chunk, measured in bytes, and the last chunk ends the answer', async () => {
  const { head, body } = await wireOf('1.1');
  assert.match(head, /transfer-encoding: chunked/i);
  assert.equal(
    body,
    '11\r\ndata: "grüße"\n\n\r\n12\r\ndata: "größer"\n\n\r\n10\r\ndata: "日本"\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n',
  );
});

test('a client of HTTP/1.0 gets the bytes as they are', async () => {
  const { head, body } = await wireOf('1.0');
  assert.doesNotMatch(head, /transfer-encoding/i);
  assert.equal(body, 'data: "grüße"\n\ndata: "größer"\n\ndata: "日本"\n\ndata: [DONE]\n\n');
});

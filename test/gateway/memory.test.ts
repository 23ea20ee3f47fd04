/** What a gateway keeps of requests that are over. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { hasProc, memoryOf } from '../hostile/process-facts.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { anthropicJson, openaiJson } from '../support/mock-replies.ts';
import { skipBecause } from '../support/skip.ts';

const KEY = 'memory-key-0123456789abcdef';

/** Claude and OpenAI in one, which reads what it is sent and forgets it. */
async function startForgetfulBackend() {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const { json } = request.url === '/v1/messages' ? anthropicJson() : openaiJson();
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(json));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    [Symbol.dispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

test('after hundreds of megabytes of requests, none of them is in memory', {
  skip: hasProc ? false : skipBecause('memory is read from /proc'),
}, async () => {
  using backend = await startForgetfulBackend();
  const gateway = await startGatewayProcess({
    env: { STATIC_KEYS: `${KEY}=ana:all` },
    configYaml: `
backends:
  claude: { kind: claude, url: "${backend.url}", apiKey: k, models: [claude-opus-4-8] }
  internal: { kind: internal, url: "${backend.url}/v1", model: qwen, models: [qwen] }
tiers:
  all: { rank: 0, requestsPerDay: 100000, routes: [{ match: claude, to: claude }, { match: qwen, to: internal }] }
`,
  });
  const ask = async (model: string) => {
    const content = 'x'.repeat(1_000_000);
    const response = await fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
      body: JSON.stringify({ model, max_tokens: 10, messages: [{ role: 'user', content }] }),
    });
    assert.equal(response.status, 200, await response.text());
  };
  try {
    for (let count = 0; count < 20; count++) await ask(count % 2 === 0 ? 'claude-opus-4-8' : 'qwen');
    const before = memoryOf(gateway.pid);
    for (let count = 0; count < 400; count++) await ask(count % 2 === 0 ? 'claude-opus-4-8' : 'qwen');
    const growth = memoryOf(gateway.pid) - before;
    assert.ok(growth < 150_000_000, `${growth} bytes more are in use after 400 MB of requests`);
  } finally {
    await gateway.kill();
  }
});

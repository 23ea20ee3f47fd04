import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { MockBackend, MockReply } from '../support/mock-backend.ts';
import { anthropicStream, openaiStream } from '../support/mock-replies.ts';
import { ONE_TARGET_PLAN } from '../support/one-target-plan.ts';
import { chat, KEYS, messages, type Rig, startRig } from '../support/rig.ts';
import { parseSse, sseFrame } from '../support/sse.ts';
import { within } from '../support/within.ts';

let rig: Rig;
before(async () => {
  rig = await startRig(
    {},
    `limits: { keepAliveSeconds: 0.3, firstByteSeconds: 1.5, betweenBytesSeconds: 1.5 }\n${ONE_TARGET_PLAN}`,
  );
});
after(() => rig.close());
beforeEach(() => {
  for (const mock of [rig.internal, rig.claude, rig.openai]) mock.reset();
});

/** The four ways from a client to a backend. All are asked as `pro`, whose use is counted. */
interface Way {
  readonly name: string;
  readonly mock: () => MockBackend;
  readonly path: string;
  readonly request: (more?: Record<string, unknown>) => unknown;
  readonly stream: () => { readonly stream: readonly string[] };
}

const TEXT = { text: 'One two three four five six seven eight nine ten.' };
const WAYS: readonly Way[] = [
  {
    name: 'Messages to Claude',
    mock: () => rig.claude,
    path: '/v1/messages',
    request: (more) => messages('claude-haiku-5-5', more),
    stream: () => anthropicStream(TEXT),
  },
  {
    name: 'Messages to an OpenAI-format backend',
    mock: () => rig.internal,
    path: '/v1/messages',
    request: (more) => messages('gpt-5', more),
    stream: () => openaiStream(TEXT),
  },
  {
    name: 'Chat Completions to Claude',
    mock: () => rig.claude,
    path: '/v1/chat/completions',
    request: (more) => chat('claude-haiku-5-5', more),
    stream: () => anthropicStream(TEXT),
  },
  {
    name: 'Chat Completions to an OpenAI-format backend',
    mock: () => rig.internal,
    path: '/v1/chat/completions',
    request: (more) => chat('gpt-5', more),
    stream: () => openaiStream(TEXT),
  },
];

interface Standing {
  readonly used: number;
  readonly pending: number;
}

const standing = async () => (await (await rig.get('/quota', 'pro')).json()) as Standing;

/** Settling happens behind the answer, so the count is awaited rather than expected at once. */
async function settlesAt(used: number): Promise<void> {
  await within(
    3000,
    `a standing of ${used} used and none pending`,
    (async () => {
      for (let now = await standing(); now.used !== used || now.pending !== 0; now = await standing())
        await pause(20);
    })(),
  );
}

/** The stream must end with the dialect's error and with nothing that looks like a good ending. */
function assertEndsInError(path: string, text: string): void {
  const events = parseSse(text);
  const last = events.at(-1);
  assert.doesNotMatch(text, /message_stop|\[DONE\]|"finish_reason":"(?:stop|tool_calls)"/);
  if (path === '/v1/messages') {
    assert.equal(last?.event, 'error');
    assert.equal((JSON.parse(last?.data ?? '') as { type: string }).type, 'error');
  } else {
    assert.ok((JSON.parse(last?.data ?? '') as { error?: { message?: string } }).error?.message);
  }
}

function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

for (const way of WAYS) {
  const post = (more: Record<string, unknown>, signal?: AbortSignal) =>
    fetch(rig.gateway.url + way.path, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEYS.pro}`, 'content-type': 'application/json' },
      body: JSON.stringify(way.request(more)),
      ...(signal === undefined ? {} : { signal }),
    });

  test(`${way.name}: what the backend says arrives before it goes on`, async () => {
    const { stream } = way.stream();
    const { opened, open } = gate();
    way.mock().reply({ steps: [...stream.slice(0, 5), opened, ...stream.slice(5)] });
    const reader = (await post({ stream: true })).body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('One'))
      text += (await within(2000, 'the first words', reader?.read() ?? Promise.reject())).value ?? '';
    assert.doesNotMatch(text, /ten\./);
    open();
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read())
      text += next.value;
    assert.match(text, /ten\./);
    rig.assertPlayed();
  });

  test(`${way.name}: silence is filled with keep-alives between whole frames`, async () => {
    const { stream } = way.stream();
    const { opened, open } = gate();
    way.mock().reply({ steps: [...stream.slice(0, 5), opened, ...stream.slice(5)] });
    setTimeout(open, 900);
    const text = await (await post({ stream: true })).text();
    assert.match(text, way.path === '/v1/messages' ? /event: ping\n/ : /^: keepalive$/m);
    assert.match(text, /ten\./);
    rig.assertPlayed();
  });

  for (const by of ['reset', 'hang-up', 'end'] as const) {
    test(`${way.name}: a backend that dies in its answer (${by}) ends in the dialect’s error and is given back`, async () => {
      const { used } = await standing();
      way.mock().reply({ ...way.stream(), cut: { afterFrames: 5, by } });
      const response = await post({ stream: true });
      assert.equal(response.status, 200);
      assertEndsInError(way.path, await response.text());
      await settlesAt(used);
      rig.assertPlayed();
    });
  }

  test(`${way.name}: a connection that breaks behind the finish breaks nothing`, async () => {
    const { used } = await standing();
    const { stream } = way.stream();
    way.mock().reply({
      stream,
      cut: { afterFrames: stream.length - 1 + Number(way.mock() === rig.claude), by: 'reset' },
    });
    const text = await (await post({ stream: true })).text();
    assert.match(text, /ten\./);
    assert.doesNotMatch(text, /"error"/);
    await settlesAt(used + 1);
    rig.assertPlayed();
  });

  test(`${way.name}: a backend that falls silent in its answer is given up in time`, async () => {
    const { used } = await standing();
    way.mock().reply({ ...way.stream(), cut: { afterFrames: 5, by: 'stall' } });
    const response = await within(
      8000,
      'the end',
      post({ stream: true }).then((answer) => answer.text()),
    );
    assertEndsInError(way.path, response);
    await settlesAt(used);
  });

  test(`${way.name}: a client that leaves in the answer frees the backend within a second and is charged once`, async () => {
    const { used } = await standing();
    const { stream } = way.stream();
    way.mock().reply({ steps: [...stream.slice(0, 5), new Promise(() => undefined)] });
    const leaving = new AbortController();
    const response = await post({ stream: true }, leaving.signal);
    await response.body?.getReader().read();
    leaving.abort();
    const request = await way.mock().request(1);
    assert.equal(await within(1000, 'the backend is freed', request.over), 'left');
    await settlesAt(used + 1);
  });

  test(`${way.name}: a client that leaves before the answer frees the backend and is not charged`, async () => {
    const { used } = await standing();
    way.mock().reply({ beforeHeaders: 'stall' });
    const leaving = new AbortController();
    const response = post({}, leaving.signal).catch(() => null);
    const request = await way.mock().request(1);
    leaving.abort();
    assert.equal(await within(1000, 'the backend is freed', request.over), 'left');
    assert.equal(await response, null);
    await settlesAt(used);
  });

  const broken: readonly [string, MockReply, number][] = [
    ['resets before its headers', { beforeHeaders: 'reset' }, 502],
    ['never answers', { beforeHeaders: 'stall' }, 504],
    ['promises more than it sends', { half: { id: 'x' } }, 502],
    [
      'answers with a web page',
      { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>hi</html>' },
      502,
    ],
    ['answers with a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: '' }, 502],
    ['refuses the gateway’s key', { status: 401, body: '{"error":{"message":"bad key sk-canary"}}' }, 502],
    ['fails', { status: 500, body: '{"error":{"message":"it broke"}}' }, 500],
    ['talks no HTTP', { raw: 'SSH-2.0-OpenSSH_9\r\n' }, 502],
  ];
  for (const [what, reply, status] of broken) {
    test(`${way.name}: a backend that ${what} is a ${status}, given back`, async () => {
      const { used } = await standing();
      way.mock().reply(reply);
      const response = await within(8000, 'the answer', post({}));
      const text = await response.text();
      assert.equal(response.status, status, text);
      assert.doesNotMatch(text, /canary|127\.0\.0\.1/);
      assert.ok((JSON.parse(text) as { error: { message: string } }).error.message);
      await settlesAt(used);
      assert.equal(way.mock().requests.length, 1);
    });
  }

  test(`${way.name}: a stream whose first event is an error has a real status`, async () => {
    const { used } = await standing();
    const overloaded = { type: 'overloaded_error', message: 'Overloaded', code: 503 };
    const frame =
      way.mock() === rig.claude
        ? sseFrame({ type: 'error', error: overloaded }, 'error')
        : sseFrame({ error: overloaded });
    way.mock().reply({ stream: [frame] });
    const response = await post({ stream: true });
    assert.equal(response.status, way.path === '/v1/messages' ? 529 : 503);
    await response.text();
    await settlesAt(used);
    rig.assertPlayed();
  });

  test(`${way.name}: the backend’s own limits never reach the client`, async () => {
    way.mock().reply({
      status: 429,
      headers: {
        'retry-after': '7',
        'anthropic-ratelimit-requests-limit': '4',
        'x-ratelimit-limit-requests': '4',
      },
      body: '{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}',
    });
    const response = await post({});
    assert.equal(response.status, 429);
    assert.equal(response.headers.get('retry-after'), '7');
    const limit =
      response.headers.get('anthropic-ratelimit-requests-limit') ??
      response.headers.get('x-ratelimit-limit-requests');
    assert.notEqual(limit, '4');
    await response.text();
  });
}

test('a request is served by the next replica when the first cannot be reached', async () => {
  const two = await startRig({
    INTERNAL_LLM_URL: `http://127.0.0.1:1/v1,${rig.internal.v1}`,
    INTERNAL_LLM_MODEL: 'qwen3-32b',
  });
  try {
    rig.internal.say({ text: 'from the second' });
    const response = await two.post('/v1/messages', 'free', messages('gpt-5'));
    assert.equal(response.status, 200);
    await response.text();
    assert.equal(rig.internal.requests.length, 1);
  } finally {
    await two.close();
  }
});

const VLLM_OVERFLOW = {
  status: 400,
  body: JSON.stringify({
    error: {
      message:
        "This model's maximum context length is 40960 tokens. However, your prompt contains at least 40961 input tokens, which exceeds this limit even without any output tokens.",
      type: 'BadRequestError',
      code: 400,
    },
  }),
};

test('a context overflow becomes the words that make Claude Code compact', async () => {
  rig.internal.reply(VLLM_OVERFLOW);
  const response = await rig.post('/v1/messages', 'pro', messages('gpt-5'));
  assert.equal(response.status, 400);
  assert.match(
    ((await response.json()) as { error: { message: string } }).error.message,
    /^prompt is too long/,
  );
});

test('a context overflow becomes the code that OpenAI’s clients know', async () => {
  rig.internal.reply(VLLM_OVERFLOW);
  const response = await rig.post('/v1/chat/completions', 'pro', chat('gpt-5'));
  assert.equal(response.status, 400);
  assert.equal(
    ((await response.json()) as { error: { code: string } }).error.code,
    'context_length_exceeded',
  );
});

/** A backend that streams as long as it is read from, and tells how much it could hand over. */
async function startFlood(): Promise<{
  readonly server: Server;
  readonly v1: string;
  readonly written: () => number;
}> {
  const frame = sseFrame({ choices: [{ index: 0, delta: { content: 'x'.repeat(16_000) } }] });
  let written = 0;
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const pour = () => {
      while (!response.destroyed && written < 400_000_000) {
        written += frame.length;
        if (!response.write(frame)) return;
      }
    };
    response.on('drain', pour);
    pour();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    server,
    v1: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    written: () => written,
  };
}

test('a client that does not read slows its backend down instead of filling memory', async () => {
  const flood = await startFlood();
  const own = await startRig({ INTERNAL_LLM_URL: flood.v1, INTERNAL_LLM_MODEL: 'flood' });
  try {
    const body = JSON.stringify(chat('gpt-5', { stream: true }));
    const { hostname, port } = new URL(own.gateway.url);
    const socket = connect(Number(port), hostname);
    socket.pause();
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${KEYS.free}\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    let before = -1;
    await within(
      10_000,
      'the flood stands still',
      (async () => {
        while (before !== flood.written() || before <= 0) {
          before = flood.written();
          await pause(300);
        }
      })(),
    );
    assert.ok(flood.written() < 40_000_000, `${flood.written()} bytes were taken from the backend`);
    socket.destroy();
  } finally {
    await own.close();
    flood.server.closeAllConnections();
    flood.server.close();
  }
});

test('nothing of any prompt, answer or key is in the log or the metrics', async () => {
  const metrics = await (await fetch(`${rig.gateway.metricsUrl}/metrics`)).text();
  for (const text of [rig.gateway.stderr(), rig.gateway.stdout(), metrics]) {
    assert.doesNotMatch(text, /canary|One two three|backend-key/);
  }
  assert.match(
    metrics,
    /gateway_requests_total\{tier="pro",dialect="anthropic",backend="claude",status="200",ending="completed"\} \d+/,
  );
  assert.match(metrics, /gateway_model_routes_total\{from="gpt-5",to="qwen3-32b"\} \d+/);
  assert.match(metrics, /gateway_quota_used\{user="[0-9a-f]{16}"\} \d+/);
  assert.match(metrics, /gateway_request_duration_seconds_count\{/);
  for (const line of rig.gateway.stderr().trim().split('\n')) assert.ok(JSON.parse(line));
});

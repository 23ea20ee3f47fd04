import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { MockBackend } from '../test/support/mock-backend.ts';
import { anthropicStream, errorReply, openaiStream } from '../test/support/mock-replies.ts';
import { within } from '../test/support/within.ts';
import { errorOf, SDKS, type Sdk } from './support/sdks.ts';
import { KEYS, onStage, type Stage, setStage } from './support/stage.ts';

const timeout = 30_000;
let stage: Stage;
let proxied = 0;

before(async () => {
  stage = await setStage();
});
after(() => stage.close());
afterEach(() => {
  const { internal, claude, openai } = stage;
  try {
    stage.assertPlayed();
  } finally {
    for (const backend of [internal, claude, openai]) backend.reset();
    proxied = stage.proxy.seen.length;
  }
});

/** Statuses that the client saw since the test began. */
const statuses = (): number[] => stage.proxy.seen.slice(proxied).map(({ status }) => status);

const BACKENDS: readonly {
  readonly name: string;
  readonly model: string;
  readonly of: (from: Stage) => MockBackend;
}[] = [
  { name: 'Claude', model: 'claude-opus-5-5', of: (from) => from.claude },
  { name: 'OpenAI', model: 'gpt-5.2', of: (from) => from.openai },
  { name: 'the internal model', model: 'qwen3-32b', of: (from) => from.internal },
];

const STOPS = {
  anthropic: { text: 'end_turn', tool: 'tool_use', length: 'max_tokens' },
  openai: { text: 'stop', tool: 'tool_calls', length: 'length' },
} as const;

const ask = (
  sdk: Sdk,
  model: string,
  stream: boolean,
  key: string = KEYS.enterprise,
  signal: AbortSignal = new AbortController().signal,
) =>
  sdk.ask({ origin: stage.proxy.url, key, model, prompt: 'What is the weather in Zürich?', stream, signal });

for (const sdk of SDKS) {
  for (const backend of BACKENDS) {
    for (const stream of [false, true]) {
      const what = `${sdk.name} over ${backend.name}, ${stream ? 'streaming' : 'in one piece'}`;

      test(`${what}: text and usage arrive, with one upstream request`, { timeout }, async () => {
        const mock = backend.of(stage);
        const said = 'Sunny, 21 °C – "perfect" ☀.';
        mock.say({ model: backend.model, text: said, usage: { input: 123, output: 45 } });
        const answer = await ask(sdk, backend.model, stream);
        assert.deepEqual(answer, {
          text: said,
          toolCalls: [],
          usage: { input: 123, output: 45 },
          stop: STOPS[sdk.dialect].text,
          model: backend.model,
        });
        assert.equal(mock.requests.length, 1);
        assert.deepEqual(statuses(), [200]);
        const sent = mock.requests[0]!.json as { stream?: unknown; model: unknown };
        assert.deepEqual([sent.stream === true, sent.model], [stream, backend.model]);
      });

      test(`${what}: parallel tool calls arrive with their arguments`, { timeout }, async () => {
        const mock = backend.of(stage);
        const cities = ['Zürich', 'São Paulo\n"old town"'];
        mock.say({
          model: backend.model,
          text: 'Let me look.',
          tools: cities.map((city, index) => ({
            id: mock.dialect === 'anthropic' ? `toolu_0${index}` : `call_0${index}`,
            name: 'get_weather',
            arguments: { city },
          })),
        });
        const answer = await ask(sdk, backend.model, stream);
        assert.deepEqual(
          answer.toolCalls,
          cities.map((city) => ({ name: 'get_weather', arguments: { city } })),
        );
        assert.deepEqual([answer.text, answer.stop], ['Let me look.', STOPS[sdk.dialect].tool]);
        assert.equal(mock.requests.length, 1);
      });

      test(`${what}: an answer cut at the token limit says so`, { timeout }, async () => {
        const mock = backend.of(stage);
        mock.say({ model: backend.model, text: 'Sun', finish: STOPS[mock.dialect].length });
        const answer = await ask(sdk, backend.model, stream);
        assert.deepEqual([answer.text, answer.stop], ['Sun', STOPS[sdk.dialect].length]);
      });

      test(`${what}: a backend's 400 is a BadRequestError with its words, after one request`, {
        timeout,
      }, async () => {
        const mock = backend.of(stage);
        mock.reply(errorReply(mock.dialect, 400, 'invalid_request_error', 'tools.0: that is no tool'));
        const error = await errorOf(ask(sdk, backend.model, stream));
        assert.deepEqual([error.kind, error.status], ['BadRequestError', 400]);
        assert.match(error.message, /tools\.0: that is no tool/);
        assert.equal(error.type, 'invalid_request_error');
        assert.equal(mock.requests.length, 1);
      });

      test(`${what}: a backend that refuses the gateway's key is no AuthenticationError`, {
        timeout,
      }, async () => {
        const mock = backend.of(stage);
        mock.reply(errorReply(mock.dialect, 401, 'authentication_error', 'invalid key backend-key-123'));
        const error = await errorOf(ask(sdk, backend.model, stream));
        assert.deepEqual([error.kind, error.status], ['InternalServerError', 502]);
        assert.doesNotMatch(error.message, /backend-key-123/);
        assert.equal(mock.requests.length, 1);
      });

      test(`${what}: a backend that is busy once is asked again by the SDK`, { timeout }, async () => {
        const mock = backend.of(stage);
        mock.reply(errorReply(mock.dialect, 503, 'overloaded_error', 'Busy', { 'retry-after': '0' }));
        mock.say({ model: backend.model, text: 'Now.' });
        assert.equal((await ask(sdk, backend.model, stream)).text, 'Now.');
        assert.equal(mock.requests.length, 2);
      });

      if (!stream) continue;
      test(`${what}: an error before any content is an error, with its own status`, { timeout }, async () => {
        const mock = backend.of(stage);
        const type = mock.dialect === 'anthropic' ? 'invalid_request_error' : 'BadRequestError';
        const body = JSON.stringify(
          mock.dialect === 'anthropic'
            ? { type: 'error', error: { type, message: 'prompt refused' } }
            : { error: { message: 'prompt refused', type, code: 400 } },
        );
        const frame = mock.dialect === 'anthropic' ? `event: error\ndata: ${body}\n\n` : `data: ${body}\n\n`;
        mock.reply({ stream: [frame] });
        const error = await errorOf(ask(sdk, backend.model, stream));
        assert.deepEqual([error.kind, error.status], ['BadRequestError', 400]);
        assert.match(error.message, /prompt refused/);
        assert.equal(mock.requests.length, 1);
      });
    }
  }

  for (const backend of BACKENDS) {
    for (const by of ['reset', 'hang-up', 'end'] as const) {
      test(`${sdk.name} over ${backend.name}: a stream that dies in mid-text (${by}) is an error, never a short answer`, {
        timeout,
      }, async () => {
        const mock = backend.of(stage);
        const { stream } = (mock.dialect === 'anthropic' ? anthropicStream : openaiStream)({
          text: 'A text that nobody will read to its end.',
        });
        mock.reply({ stream, cut: { afterFrames: 5, by } });
        const error = await errorOf(ask(sdk, backend.model, true));
        assert.match(error.kind, /Error$/);
        assert.equal(mock.requests.length, 1);
        assert.deepEqual(statuses(), [200]);
      });
    }

    for (const stream of [false, true]) {
      test(`${sdk.name} over ${backend.name}: a user who gives up ${stream ? 'in mid-stream' : 'while waiting'} frees the backend within a second`, {
        timeout,
      }, async () => {
        const mock = backend.of(stage);
        const frames = (mock.dialect === 'anthropic' ? anthropicStream : openaiStream)({
          text: 'On and on.',
        });
        mock.reply(stream ? { ...frames, cut: { afterFrames: 4, by: 'stall' } } : { beforeHeaders: 'stall' });
        const abort = new AbortController();
        const asked = errorOf(ask(sdk, backend.model, stream, KEYS.enterprise, abort.signal));
        const request = await mock.request(1);
        abort.abort();
        assert.equal(await within(1000, 'the backend is freed', request.over), 'left');
        assert.match((await asked).kind, /Abort/);
      });
    }
  }

  for (const stream of [false, true]) {
    const what = `${sdk.name}, ${stream ? 'streaming' : 'in one piece'}`;

    test(`${what}: an unknown key is an AuthenticationError after one request, none upstream`, {
      timeout,
    }, async () => {
      const error = await errorOf(ask(sdk, 'claude-opus-5-5', stream, 'e2e-nobodys-key'));
      assert.deepEqual([error.kind, error.status], ['AuthenticationError', 401]);
      assert.deepEqual(statuses(), [401]);
    });

    test(`${what}: a model that is not there is a NotFoundError after one request, none upstream`, {
      timeout,
    }, async () => {
      const error = await errorOf(ask(sdk, 'nobodys-model-1', stream));
      assert.deepEqual([error.kind, error.status], ['NotFoundError', 404]);
      assert.match(error.message, /nobodys-model-1/);
      assert.deepEqual(statuses(), [404]);
    });

    test(`${what}: a free user's Claude name is served by the internal model`, { timeout }, () =>
      onStage(async (own) => {
        own.internal.say({ model: 'qwen3-32b', text: 'Served.' });
        const question = { key: KEYS.free, model: 'claude-opus-5-5', prompt: 'Hi', stream };
        const answer = await sdk.ask({ origin: own.proxy.url, ...question });
        assert.equal(answer.text, 'Served.');
        assert.equal((own.internal.requests[0]!.json as { model: string }).model, 'qwen3-32b');
        assert.deepEqual([own.claude.requests.length, own.openai.requests.length], [0, 0]);
      }),
    );

    test(`${what}: an exhausted day is a RateLimitError after one request, at once`, { timeout }, () =>
      onStage(async (own) => {
        const question = { key: KEYS.free, model: 'qwen3-32b', prompt: 'Hi', stream };
        for (let request = 0; request < 10; request += 1) {
          own.internal.say({ model: 'qwen3-32b', text: 'Fine.' });
          assert.equal((await sdk.ask({ origin: own.proxy.url, ...question })).text, 'Fine.');
        }
        const started = performance.now();
        const error = await errorOf(sdk.ask({ origin: own.proxy.url, ...question }));
        assert.ok(performance.now() - started < 5000);
        assert.deepEqual([error.kind, error.status], ['RateLimitError', 429]);
        assert.match(error.message, /quota/i);
        assert.equal(error.type, sdk.dialect === 'anthropic' ? 'billing_error' : 'insufficient_quota');
        assert.equal(own.internal.requests.length, 10);
        assert.deepEqual(
          own.proxy.seen.map(({ status }) => status),
          [...Array.from({ length: 10 }, () => 200), 429],
        );
      }),
    );
  }
}

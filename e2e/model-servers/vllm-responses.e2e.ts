/**
 * Responses clients before a real vLLM (`npm run test:vllm`): OpenAI's SDK and Codex. Its model has no weights; what
 * a grammar leaves no choice in comes out right all the same.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type GatewayProcess, startGatewayProcess } from '../../test/support/gateway-process.ts';
import { runCodex } from '../support/codex.ts';
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts';
import { inDirectory } from '../support/in-directory.ts';
import { KEYS, staticKeys } from '../support/stage.ts';

const timeout = 180_000;
const MODEL = 'qwen3-32b';
const vllm = process.env.MODEL_SERVER_URL ?? '';
let upstream: CountingProxy;
let gateway: GatewayProcess;
let proxy: CountingProxy;

before(async () => {
  assert.notEqual(vllm, '', 'run by: npm run test:vllm');
  upstream = await startCountingProxy(vllm);
  gateway = await startGatewayProcess({
    env: { INTERNAL_LLM_URL: `${upstream.url}/v1`, STATIC_KEYS: staticKeys(['enterprise']) },
  });
  proxy = await startCountingProxy(gateway.url);
});
after(async () => {
  await proxy?.close();
  await gateway?.kill();
  await upstream?.close();
});

interface Item {
  readonly type: string;
  readonly name?: string;
  readonly arguments?: string;
}
interface Response {
  readonly output_text: string;
  readonly output: readonly Item[];
  readonly status: string;
  readonly incomplete_details: { readonly reason: string } | null;
  readonly usage: { readonly input_tokens: number; readonly output_tokens: number };
}
interface Client {
  readonly responses: {
    create(params: unknown): Promise<Response>;
    stream(params: unknown): { finalResponse(): Promise<Response> };
  };
}

/** Asks in one piece or as a stream, and counts what vLLM was asked. */
async function ask(stream: boolean, params: Record<string, unknown>): Promise<Response> {
  const { default: OpenAI } = (await import('openai' as string)) as { default: new (o: unknown) => Client };
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: KEYS.enterprise, maxRetries: 0 });
  const all = { model: MODEL, reasoning: { effort: 'none' }, ...params };
  const before = generated();
  const response = stream
    ? await client.responses.stream(all).finalResponse()
    : await client.responses.create(all);
  assert.equal(generated() - before, 1);
  return response;
}

const generated = () => upstream.seen.filter(({ path }) => path.startsWith('/v1/chat/completions')).length;

const COLOUR = {
  type: 'object',
  properties: { colour: { type: 'string', enum: ['red', 'green', 'blue'] } },
  required: ['colour'],
  additionalProperties: false,
};
const isColour = (text: string | undefined) =>
  assert.match(text ?? '', /^\{\s*"colour"\s*:\s*"(red|green|blue)"\s*\}$/);

for (const stream of [false, true]) {
  const how = stream ? 'streaming' : 'in one piece';

  test(`an answer that grows too long is incomplete, ${how}`, { timeout }, async () => {
    const response = await ask(stream, { input: 'Why is the sky blue?', max_output_tokens: 40 });
    assert.deepEqual(
      [response.status, response.incomplete_details?.reason, response.usage.output_tokens],
      ['incomplete', 'max_output_tokens', 40],
    );
    assert.match(response.output_text, /\S/);
    assert.ok(response.usage.input_tokens > 5);
  });

  test(`a structured answer fits its schema, ${how}`, { timeout }, async () => {
    const format = { type: 'json_schema', name: 'colour', strict: true, schema: COLOUR };
    const response = await ask(stream, { input: 'Which colour?', max_output_tokens: 60, text: { format } });
    assert.equal(response.status, 'completed');
    isColour(response.output_text);
  });

  test(`a tool that is demanded is called whole, or the answer says that it is cut, ${how}`, {
    timeout,
  }, async () => {
    const tool = { type: 'function', name: 'paint', strict: true, parameters: COLOUR };
    const response = await ask(stream, {
      input: 'Paint.',
      max_output_tokens: 150,
      tools: [tool],
      tool_choice: { type: 'function', name: 'paint' },
    });
    const calls = response.output.filter(({ type }) => type === 'function_call');
    if (response.status === 'completed') for (const { arguments: text } of calls) JSON.parse(text ?? '');
    else assert.equal(response.incomplete_details?.reason, 'max_output_tokens');
    for (const { name } of calls) assert.equal(name, 'paint');
  });
}

test('Codex is answered by schema over the real vLLM, with one request', { timeout }, () =>
  inDirectory(async (cwd) => {
    await writeFile(join(cwd, 'schema.json'), JSON.stringify(COLOUR));
    const before = generated();
    const run = await runCodex({
      prompt: 'Which colour?',
      origin: proxy.url,
      token: KEYS.enterprise,
      model: MODEL,
      cwd,
      args: ['--output-schema', 'schema.json'],
      config: 'model_reasoning_effort = "none"',
      timeoutMs: 150_000,
    });
    assert.equal(run.exitCode, 0, run.stdout);
    assert.equal(run.texts.length, 1, run.stdout);
    isColour(run.texts[0]);
    assert.deepEqual([generated() - before, proxy.seen.map(({ status }) => status)], [1, [200]]);
  }),
);

/** Reasoning that a stateless Responses client carries: sealed on the way out, opened for the model whose it is. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { readWholeResponses } from '../support/responses-grammar.ts';
import { type Rig, startRig } from '../support/rig.ts';

type Json = Record<string, unknown>;

let rig: Rig;
before(async () => {
  rig = await startRig();
});
after(() => rig?.close());
beforeEach(() => {
  for (const mock of [rig.internal, rig.claude, rig.openai]) mock.reset();
});

const TOOLS = [{ type: 'function', name: 'read', parameters: { type: 'object', properties: {} } }];
const ask = (model: string, input: readonly Json[], more: Json = {}) =>
  rig.post('/v1/responses', 'enterprise', {
    model,
    input,
    tools: TOOLS,
    store: false,
    stream: true,
    include: ['reasoning.encrypted_content'],
    reasoning: { effort: 'medium', summary: 'auto' },
    ...more,
  });
const USER = { role: 'user', content: 'Read it.' };
const CALL = { id: 'call_1', name: 'read', arguments: {} };
const resultFor = (items: readonly Json[]): Json => ({
  type: 'function_call_output',
  call_id: items.find((item) => item.type === 'function_call')?.call_id,
  output: 'canary',
});
const bodyOf = (sent: { readonly body: Buffer } | undefined): Json =>
  JSON.parse(sent?.body.toString() ?? 'null') as Json;

async function firstTurn(model = 'claude-opus-5-5'): Promise<readonly Json[]> {
  rig.claude.say({ thinking: 'canary-thought', tools: [CALL] });
  const { items } = readWholeResponses(await (await ask(model, [USER])).text());
  assert.deepEqual(
    items.map(({ type }) => type),
    ['reasoning', 'function_call'],
  );
  return [USER, ...items, resultFor(items)];
}

test('Claude gets its own thinking back, signed as it was, and the client cannot read it', async () => {
  const items = await firstTurn();
  const { encrypted_content: blob, summary } = items[1] as Json;
  assert.match(String(blob), /^gwr1\.[\w-]+$/);
  assert.doesNotMatch(Buffer.from(String(blob).slice(5), 'base64url').toString('latin1'), /canary|bW9jaw/);
  assert.deepEqual(summary, [{ type: 'summary_text', text: 'canary-thought' }]);
  rig.claude.say({ text: 'Read.' });
  const next = readWholeResponses(await (await ask('claude-opus-5-5', items)).text());
  assert.equal(next.ending, 'completed');
  const [, turn] = bodyOf(rig.claude.requests[1]).messages as Json[];
  assert.deepEqual((turn?.content as Json[])[0], {
    type: 'thinking',
    thinking: 'canary-thought',
    signature: 'bW9jaw==',
  });
  rig.assertPlayed();
});

test('a blob that was changed is left out, and the request goes on without it', async () => {
  const items = await firstTurn();
  const [user, reasoning, ...rest] = items as [Json, Json, ...Json[]];
  const blob = String(reasoning.encrypted_content);
  const changed = blob.slice(0, 40) + (blob[40] === 'A' ? 'B' : 'A') + blob.slice(41);
  rig.claude.say({ text: 'Read.' });
  const response = await ask('claude-opus-5-5', [
    user,
    { ...reasoning, encrypted_content: changed },
    ...rest,
  ]);
  assert.equal(readWholeResponses(await response.text()).ending, 'completed');
  assert.match(response.headers.get('x-gateway-dropped') ?? '', /input\.reasoning/);
  assert.doesNotMatch(JSON.stringify(bodyOf(rig.claude.requests[1])), /canary-thought|gwr1|bW9jaw/);
  rig.assertPlayed();
});

test('another model is not given it, and OpenAI neither sees it nor a gap where it was', async () => {
  const items = await firstTurn();
  rig.claude.say({ text: 'Read.' });
  await (await ask('claude-haiku-5-5', items)).text();
  assert.doesNotMatch(JSON.stringify(bodyOf(rig.claude.requests[1])), /canary-thought|gwr1/);
  rig.openai.say({ text: 'Read.' });
  await (await ask('gpt-5', items)).text();
  assert.deepEqual(bodyOf(rig.openai.requests[0]).input, items.toSpliced(1, 1));
  rig.assertPlayed();
});

test('what OpenAI encrypted goes back to OpenAI as it is, and to nobody else', async () => {
  const theirs = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAAA-canary' };
  rig.openai.say({ text: 'Yes.' });
  await (await ask('gpt-5', [USER, theirs, USER])).text();
  assert.deepEqual(bodyOf(rig.openai.requests[0]).input, [USER, theirs, USER]);
  rig.claude.say({ text: 'Yes.' });
  await (await ask('claude-opus-5-5', [USER, theirs, USER])).text();
  assert.doesNotMatch(JSON.stringify(bodyOf(rig.claude.requests[0])), /gAAAA/);
  rig.assertPlayed();
});

test('a client that does not ask for it carries nothing', async () => {
  rig.claude.say({ thinking: 'canary-thought', text: 'Yes.' });
  const response = await ask('claude-opus-5-5', [USER], { include: [], reasoning: { effort: 'low' } });
  assert.doesNotMatch(await response.text(), /encrypted_content|canary-thought|rs_/);
  rig.assertPlayed();
});

/** `truncation: "auto"` where no backend knows it: what a model is sent of a conversation that is too long for it. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { errorReply } from '../support/mock-replies.ts';
import { type Rig, startRig, type TierName } from '../support/rig.ts';

const PLAN = `tiers:
  free: { rank: 0, requestsPerDay: 10, routes: [{ match: gpt, to: internal }] }
  pro: { rank: 10, requestsPerDay: 1000, routes: [{ match: gpt, to: internal/default }] }
  enterprise:
    rank: 20
    requestsPerDay: null
    routes: [{ match: claude, to: claude }, { match: larger, to: [internal/default, claude/claude-opus-5-5] }]
backends: { internal: { kind: internal, contextWindow: 8192 } }
`;

let rig: Rig;
before(async () => {
  rig = await startRig({}, PLAN);
});
after(() => rig?.close());
beforeEach(() => {
  for (const mock of [rig.internal, rig.claude]) mock.reset();
});

type Json = Record<string, unknown>;

const TURNS = 30;
const INPUT = Array.from({ length: TURNS }, (_, index) => [
  { role: 'user', content: `Question ${index}. ${'word '.repeat(200)}` },
  { role: 'assistant', content: `Answer ${index}.` },
]).flat();

const ask = (tier: TierName, model: string, more: Json = {}) =>
  rig.post('/v1/responses', tier, {
    model,
    instructions: 'Be brief.',
    truncation: 'auto',
    input: [...INPUT, { role: 'user', content: 'The last question.' }],
    ...more,
  });

const TOO_LONG = (prompt: number, window: number) =>
  errorReply(
    'openai',
    400,
    'BadRequestError',
    `This model's maximum context length is ${window} tokens. However, your request has ${prompt} input tokens. Please reduce the length of the input messages.`,
  );
const questions = (body: Buffer | undefined) =>
  [...String(body).matchAll(/Question (\d+)\./g)].map(([, number]) => Number(number));

test("the oldest exchanges are left out by the backend's own count, and the answer says that it was asked for", async () => {
  rig.internal.reply(TOO_LONG(9000, 8192));
  rig.internal.say({ text: 'It fits.' });
  const response = await ask('pro', 'gpt-5', { max_output_tokens: 1000 });
  assert.equal(response.status, 200, await response.clone().text());
  assert.match(response.headers.get('x-gateway-dropped') ?? '', /input\.truncated/);
  const { truncation, output } = (await response.json()) as Json;
  assert.equal(truncation, 'auto');
  assert.match(JSON.stringify(output), /It fits\./);
  const [whole, cut] = rig.internal.requests.map(({ body }) => questions(body));
  assert.equal(whole?.length, TURNS);
  // 300 tokens each by that count, and 8192 - 1000 - 256 of them fit.
  assert.deepEqual(cut, whole?.slice(-(cut?.length ?? 0)));
  assert.ok(cut !== undefined && cut.length >= 21 && cut.length <= 23, `${cut?.length} are left`);
  const sent = rig.internal.requests[1]?.json as { messages: Json[]; max_tokens: number };
  assert.equal(sent.messages[0]?.role, 'system');
  assert.match(JSON.stringify(sent.messages.at(-1)), /The last question\./);
  assert.equal(sent.max_tokens, 1000);
  rig.assertPlayed();
});

test('a model that still finds it too long is asked once more, and then believed', async () => {
  const charged = async () => ((await (await rig.get('/quota', 'pro')).json()) as { used: number }).used;
  const before = await charged();
  rig.internal.reply(TOO_LONG(9000, 8192), TOO_LONG(8500, 8192), TOO_LONG(8300, 8192));
  const response = await ask('pro', 'gpt-5');
  assert.equal(response.status, 400);
  assert.equal(((await response.json()) as { error: Json }).error.code, 'context_length_exceeded');
  const left = rig.internal.requests.map(({ body }) => questions(body).length);
  assert.ok(left.length === 3 && left[0] === TURNS, `${left}`);
  assert.ok(Number(left[1]) > Number(left[2]), `${left}`);
  assert.equal(await charged(), before);
  rig.assertPlayed();
});

test('Claude is sent what fits as well', async () => {
  rig.claude.reply(
    errorReply(
      'anthropic',
      400,
      'invalid_request_error',
      'prompt is too long: 220000 tokens > 200000 maximum',
    ),
  );
  rig.claude.say({ text: 'It fits.' });
  const response = await ask('enterprise', 'claude-opus-5-5');
  assert.equal(response.status, 200, await response.clone().text());
  const [, cut] = rig.claude.requests.map(({ body }) => questions(body).length);
  assert.ok(cut !== undefined && cut >= 20 && cut <= 26, `${cut} are left`);
  rig.assertPlayed();
});

test('a larger model of the route is sent the whole, before anything is left out', async () => {
  rig.internal.reply(TOO_LONG(9000, 8192));
  rig.claude.say({ text: 'It fits.' });
  const response = await ask('enterprise', 'larger');
  assert.equal(response.status, 200, await response.clone().text());
  assert.equal(questions(rig.claude.requests[0]?.body).length, TURNS);
  assert.equal(response.headers.get('x-gateway-dropped'), null);
  rig.assertPlayed();
});

for (const truncation of ['disabled', null, undefined]) {
  test(`without the wish (${truncation}) nothing is left out`, async () => {
    rig.internal.reply(TOO_LONG(9000, 8192));
    const response = await ask('pro', 'gpt-5', { truncation });
    assert.equal(response.status, 400);
    rig.assertPlayed();
  });
}

test('a wish that nobody knows is refused before any backend', async () => {
  const response = await ask('pro', 'gpt-5', { truncation: 'some' });
  assert.equal(response.status, 400);
  assert.match(await response.text(), /truncation: expected one of auto, disabled/);
  rig.assertPlayed();
});

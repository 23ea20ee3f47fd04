/** What must hold for a client's request, however mutated: an answer that names the fault, or a body to send. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { GatewayError } from '../../src/errors.ts';
import { isStartUpProbe } from '../../src/protocol/anthropic/start-up-probe.ts';
import type { Conversation } from '../../src/protocol/conversation.ts';
import { BACKEND_FORMATS, CLIENT_DIALECTS } from '../../src/protocol/dialects.ts';
import { estimateTokens } from '../../src/protocol/estimate-tokens.ts';
import { PROFILES } from '../../src/protocol/profile.ts';
import { parseBody, type RequestScan, scanRequest, spliceModel } from '../../src/protocol/scan-request.ts';
import { sideModels } from '../../src/protocol/side-models.ts';
import type { Dialect } from '../../src/types.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The result, or the refusal; anything else that is thrown is a defect. */
function orRefusal<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    assert.ok(
      error.message !== '' && error.message.length < 600,
      `a sentence: ${error.message.slice(0, 700)}`,
    );
    return null;
  }
}

/** Read and written for every backend, as the pipeline does it: the scan comes first and bounds the nesting. */
export function checkRequest(dialect: Dialect, input: Uint8Array): void {
  const scan = orRefusal(() => scanRequest(input));
  if (scan === null) return;
  orRefusal(() => sideModels(input, scan));
  orRefusal(() => isStartUpProbe({ dialect, body: input, scan }));
  const conversation = orRefusal(() => CLIENT_DIALECTS[dialect].readRequest(parseBody(input)));
  const estimate = estimateTokens(parseBody(input));
  assert.ok(Number.isSafeInteger(estimate) && estimate >= 0);
  if (conversation === null) return;
  for (const [i, { format, profile, model }] of BACKENDS.entries()) {
    const target = { model, profile, maxOutputTokens: 8192, hash: sha256 };
    const write = (said: Conversation) => orRefusal(() => BACKEND_FORMATS[format].writeRequest(said, target));
    const written = write(conversation);
    if (written === null) continue;
    const body = JSON.stringify(written.body);
    assert.ok(JSON.parse(body).messages.length > 0 || format === 'anthropic');
    // Written twice for one of them only, because this is the slowest check of all.
    if (i !== input.length % BACKENDS.length) continue;
    assert.equal(JSON.stringify(write(conversation)?.body), body, 'equal requests give equal bodies');
  }
}

const BACKENDS = [
  { format: 'openai', profile: PROFILES.vllm, model: 'qwen3-32b' },
  { format: 'openai', profile: PROFILES.openai, model: 'gpt-5.2' },
  { format: 'openai', profile: { ...PROFILES.generic, toolIdFormat: 'mistral' }, model: 'm' },
  {
    format: 'openai',
    profile: { ...PROFILES.vllm, toolIdFormat: 'kimi', reasoningReplay: 'tool-turns' },
    model: 'k',
  },
  { format: 'anthropic', profile: PROFILES.generic, model: 'claude-sonnet-4-5' },
  { format: 'anthropic', profile: PROFILES.generic, model: 'claude-opus-5-5' },
] as const;

/** What the scan takes for a request is what a JSON parser takes it for, and another model changes nothing else. */
export function checkScan(input: Uint8Array): void {
  const scan = orRefusal(() => scanRequest(input));
  const value = parsed(input);
  if (scan === null) {
    assertRightlyRefused(value, input);
    return;
  }
  // The scan looks at the top level only; what is broken further in, the backend or the reader refuses.
  if (value === undefined) return;
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value));
  const object = value as Record<string, unknown>;
  assert.deepEqual([...scan.fields.keys()].sort(), Object.keys(object).sort());
  assert.deepEqual([scan.model, scan.stream], [object.model, object.stream === true]);
  checkSplice(input, scan, object);
}

function checkSplice(input: Uint8Array, scan: RequestScan, object: Record<string, unknown>): void {
  const spliced = parsed(spliceModel(input, scan, 'other "model"')) as Record<string, unknown>;
  const model = scan.fields.has('model') ? { model: 'other "model"' } : {};
  assert.deepEqual(JSON.stringify(spliced), JSON.stringify({ ...object, ...model }));
}

/** A refusal of what a parser reads needs a reason that we give ourselves. */
function assertRightlyRefused(value: unknown, input: Uint8Array): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const text = new TextDecoder().decode(input);
  const keys = Object.keys(value);
  const isCased = keys.some(
    (key) => key !== key.toLowerCase() && ['model', 'stream'].includes(key.toLowerCase()),
  );
  const isDeep = /[[{]{500}|(?:\{"a":){500}/.test(text);
  const isDoubled = countTopLevelKeys(text) > keys.length;
  // A number of more than 400 characters, which no client writes (scan-request.ts).
  const isLong = /[-+.\deE]{400}/.test(text);
  assert.ok(isCased || isDeep || isDoubled || isLong, `refused without a reason: ${text.slice(0, 200)}`);
}

/** Keys of the outermost object, doubled ones counted twice. */
function countTopLevelKeys(text: string): number {
  let depth = 0;
  let keys = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/gs)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (token === ':' && depth === 1) keys++;
  }
  return keys;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

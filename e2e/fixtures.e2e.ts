/**
 * Every stream that a backend was ever seen to send, read by the SDKs through the gateway. Where the gateway
 * translates, they must read what the fixture says the backend meant; where it passes bytes on, they must read what
 * they read from the backend itself, and never a good answer where the backend's broke off.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import type { BackendFormat } from '../src/types.ts';
import { toBackendFrame } from '../test/support/anthropic-to-openai.ts';
import type { MessageFixture } from '../test/support/message-fixture.ts';
import { type MockBackend, startMockBackend } from '../test/support/mock-backend.ts';
import { toFrame } from '../test/support/openai-to-anthropic.ts';
import type { StreamFixture } from '../test/support/stream-fixture.ts';
import { READERS, type SdkReader, type SdkReading, type SdkResult } from './support/fixture-sdks.ts';
import { KEYS, type Stage, setStage } from './support/stage.ts';

const timeout = 20_000;
const MODELS: Readonly<Record<BackendFormat, string>> = { anthropic: 'claude-opus-5-5', openai: 'qwen3-32b' };

async function readFixtures<Fixture>(
  dialect: BackendFormat,
): Promise<readonly (readonly [string, Fixture])[]> {
  const folder = new URL(`../test/fixtures/${dialect}/`, import.meta.url);
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .sort();
  return Promise.all(
    names.map(async (name) => {
      const { fixture } = (await import(new URL(name, folder).href)) as { fixture: Fixture };
      return [name.replace('.ts', ''), fixture] as const;
    }),
  );
}

const FROM_OPENAI = await readFixtures<StreamFixture>('openai');
const FROM_ANTHROPIC = await readFixtures<MessageFixture>('anthropic');

const toText = ({ event, data }: { readonly event: string; readonly data: string }): string =>
  `${event === '' ? '' : `event: ${event}\n`}data: ${data}\n\n`;

/** Whether the backend said that its answer is complete. */
const hasEnd = (frames: readonly string[]): boolean =>
  frames.some((frame) => /"message_stop"|"finish_reason":"/.test(frame));

let stage: Stage;
/** The backend without a gateway before it. */
let direct: Readonly<Record<BackendFormat, MockBackend>>;

before(async () => {
  stage = await setStage();
  const [anthropic, openai] = await Promise.all(
    (['anthropic', 'openai'] as const).map((dialect) =>
      startMockBackend({ dialect, credential: 'direct-key' }),
    ),
  );
  direct = { anthropic: anthropic!, openai: openai! };
});
after(async () => {
  await Promise.all([stage.close(), direct.anthropic.close(), direct.openai.close()]);
});
afterEach(() => {
  try {
    stage.assertPlayed();
  } finally {
    for (const backend of [stage.claude, stage.internal]) backend.reset();
    for (const backend of Object.values(direct)) backend.reset();
  }
});

/** Plays the fixture once through the gateway; exactly one request may reach the backend. */
async function readThroughGateway(
  sdk: SdkReader,
  backend: BackendFormat,
  frames: readonly string[],
  stream: boolean,
): Promise<SdkResult> {
  const mock = backend === 'anthropic' ? stage.claude : stage.internal;
  mock.reply({ stream: frames.length === 0 ? [] : [frames.join('')] });
  const result = await sdk.read(stage.gateway.url, KEYS.enterprise, MODELS[backend], stream);
  assert.equal(mock.requests.length, 1, 'one upstream request');
  return result;
}

async function readDirectly(sdk: SdkReader, frames: readonly string[]): Promise<SdkResult> {
  const mock = direct[sdk.dialect];
  mock.reply({ stream: [frames.join('')] });
  return sdk.read(mock.url, 'direct-key', MODELS[sdk.dialect], true);
}

function readingOf(result: SdkResult): SdkReading {
  assert.ok('reading' in result, `an answer was expected, not ${'error' in result ? result.error : ''}`);
  return result.reading;
}

/** Ids that the fixtures count up come from the gateway's minting, which counts nothing here. */
function assertId(given: unknown, declared: string, sent: string, seen: Set<unknown>): void {
  if (sent.includes(`"${declared}"`)) assert.equal(given, declared);
  else assert.match(String(given), /^(?:toolu|call)_\w{22}$/);
  assert.ok(!seen.has(given), 'ids differ');
  seen.add(given);
}

function assertBlocks(said: unknown, fixture: StreamFixture, sent: string): void {
  const blocks = said as Record<string, unknown>[];
  const seen = new Set<unknown>();
  assert.equal(blocks.length, fixture.content.length);
  for (const [i, wanted] of fixture.content.entries()) {
    const { id, input, ...rest } = wanted as Record<string, unknown>;
    const { id: givenId, input: givenInput, ...given } = blocks[i] ?? {};
    // Newer SDKs add fields of their own (`parsed`, `citations`), so only those declared count.
    for (const [key, value] of Object.entries(rest)) assert.deepEqual(given[key], value);
    if (rest.type !== 'tool_use') continue;
    assertId(givenId, String(id), sent, seen);
    // Of a call that was cut, every SDK makes something else; it only has to be an object.
    if (typeof input === 'object') assert.deepEqual(givenInput, input);
    else assert.equal(typeof givenInput, 'object');
  }
}

function assertChat(said: unknown, fixture: MessageFixture, sent: string): void {
  const { content, reasoning, calls } = said as { content: string; reasoning: string; calls: unknown[][] };
  assert.deepEqual([content, reasoning], [fixture.content, fixture.reasoning ?? '']);
  const wanted = fixture.calls ?? [];
  const seen = new Set<unknown>();
  assert.deepEqual(
    calls.map(([, ...rest]) => rest),
    wanted.map(([, ...rest]) => rest),
  );
  for (const [i, [id]] of wanted.entries()) assertId(calls[i]?.[0], id, sent, seen);
}

for (const sdk of READERS) {
  const isAnthropic = sdk.dialect === 'anthropic';

  for (const [name, fixture] of isAnthropic ? FROM_OPENAI : []) {
    const frames = fixture.chunks.map((one) => toText(toFrame(one)));
    for (const stream of [true, false]) {
      test(`${sdk.name}, ${stream ? 'streaming' : 'in one piece'}, translated: ${name}`, {
        timeout,
      }, async () => {
        const result = await readThroughGateway(sdk, 'openai', frames, stream);
        if (fixture.stop.startsWith('error ')) {
          assert.deepEqual(result, { error: fixture.stop.slice('error '.length) });
          return;
        }
        const { said, stop, usage } = readingOf(result);
        assertBlocks(said, fixture, frames.join(''));
        assert.equal(stop, fixture.stop);
        if (fixture.usage !== undefined) assert.deepEqual(usage, fixture.usage);
      });
    }
  }

  for (const [name, fixture] of isAnthropic ? [] : FROM_ANTHROPIC) {
    const frames = fixture.events.map((one) => toText(toBackendFrame(one)));
    for (const stream of [true, false]) {
      test(`${sdk.name}, ${stream ? 'streaming' : 'in one piece'}, translated: ${name}`, {
        timeout,
      }, async () => {
        const result = await readThroughGateway(sdk, 'anthropic', frames, stream);
        if (fixture.finish.startsWith('error ')) {
          assert.deepEqual(result, { error: fixture.finish.slice('error '.length) });
          return;
        }
        const { said, stop, usage } = readingOf(result);
        assertChat(said, fixture, frames.join(''));
        assert.equal(stop, fixture.finish);
        if (fixture.usage !== undefined) assert.deepEqual(usage, fixture.usage);
      });
    }
  }

  const own: readonly (readonly [name: string, frames: readonly string[]])[] = isAnthropic
    ? FROM_ANTHROPIC.map(([name, { events }]) => [name, events.map((one) => toText(toBackendFrame(one)))])
    : FROM_OPENAI.map(([name, { chunks }]) => [name, chunks.map((one) => toText(toFrame(one)))]);

  for (const [name, frames] of own) {
    test(`${sdk.name}, streaming, passed through: ${name}`, { timeout }, async () => {
      const result = await readThroughGateway(sdk, sdk.dialect, frames, true);
      const without = await readDirectly(sdk, frames);
      if ('error' in without) assert.ok('error' in result, 'what fails without the gateway fails with it');
      else if (hasEnd(frames)) assert.deepEqual(result, without);
      else assert.ok('error' in result, 'what broke off is no answer');
    });
  }
}

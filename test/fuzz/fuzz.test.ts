import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { play } from './play.ts';
import { TARGETS } from './targets.ts';

interface Kept {
  readonly target: string;
  readonly text?: string;
  readonly base64?: string;
}

const FOLDER = new URL('./found/', import.meta.url);
/** Some seconds' worth; `npm run fuzz` plays a million. */
const SEED = Number(process.env.FUZZ_SEED ?? 1);
const CASES = 8000;

for (const file of readdirSync(FOLDER).sort()) {
  const kept = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Kept;

  test(`found once, never again: ${file.replace('.json', '').replaceAll('-', ' ')}`, () => {
    const target = TARGETS.find(({ name }) => name === kept.target);
    assert.ok(target, `"${kept.target}" is a target`);
    target.check(Buffer.from(kept.text ?? kept.base64 ?? '', kept.text === undefined ? 'base64' : 'utf8'));
  });
}

const MANY = 200_000;
const TOO_WIDE: Readonly<Record<string, readonly [target: string, body: object]>> = {
  'an assistant message of 200,000 texts': [
    'request of openai',
    {
      model: 'm',
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
        { role: 'assistant', content: Array(MANY).fill({ type: 'text', text: 'b' }) },
        { role: 'user', content: 'a' },
        { role: 'user', content: Array(MANY).fill({ type: 'text', text: 'b' }) },
      ],
    },
  ],
  'a search result of 200,000 pieces': [
    'request of anthropic',
    {
      model: 'm',
      max_tokens: 1,
      messages: [{ role: 'user', content: [{ type: 'search_result', content: Array(MANY).fill('a') }] }],
    },
  ],
};

for (const [name, [wanted, body]] of Object.entries(TOO_WIDE)) {
  test(`${name} is no wider than the stack`, () => {
    TARGETS.find((target) => target.name === wanted)?.check(Buffer.from(JSON.stringify(body)));
  });
}

test(`${CASES} mutated streams, replies, requests and errors break nothing (seed ${SEED})`, () => {
  const { found } = play({ seed: SEED, from: 0, to: CASES, step: 1 });
  const told = found.map(({ target, number, error }) => `${target}, number ${number}: ${error.stack}`);
  assert.deepEqual(told, []);
});

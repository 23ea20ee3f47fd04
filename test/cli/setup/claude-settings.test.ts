import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { withGateway, withoutGateway } from '../../../src/cli/setup/claude-settings.ts';

const ACCESS = {
  gateway: 'https://llm.example',
  command: ['/opt/my node/bin/node', '/opt/llm-gateway/bin/llm-gateway.js'],
} as const;

const text = fc.string({ maxLength: 8 });
const settings = fc.record(
  {
    model: text,
    permissions: fc.dictionary(text, fc.array(text), { noNullPrototype: true }),
    statusLine: fc.record({ type: fc.constant('command'), command: text }, { noNullPrototype: true }),
    apiKeyHelper: text,
    env: fc.record(
      {
        ANTHROPIC_API_KEY: text,
        ANTHROPIC_AUTH_TOKEN: text,
        ANTHROPIC_BASE_URL: text,
        CLAUDE_CODE_USE_GATEWAY: text,
        EDITOR: text,
      },
      { requiredKeys: ['EDITOR'], noNullPrototype: true },
    ),
  },
  { requiredKeys: [], noNullPrototype: true },
);

test('whatever the settings were, set up and removed they are as before', () => {
  fc.assert(
    fc.property(settings, (before) => {
      assert.deepEqual(withoutGateway(withGateway(before, ACCESS), before), before);
    }),
  );
});

test('setting up twice is setting up once, and everything foreign stays', () => {
  fc.assert(
    fc.property(settings, (before) => {
      const once = withGateway(before, ACCESS);
      assert.deepEqual(withGateway(once, ACCESS), once);
      assert.deepEqual([once.model, once.permissions], [before.model, before.permissions]);
      if (before.statusLine !== undefined) assert.deepEqual(once.statusLine, before.statusLine);
    }),
  );
});

test('credentials that would win over the helper are put away', () => {
  const { apiKeyHelper, env } = withGateway(
    { env: { ANTHROPIC_AUTH_TOKEN: 'x', ANTHROPIC_API_KEY: 'y', EDITOR: 'vi' } },
    ACCESS,
  );
  assert.equal(
    apiKeyHelper,
    "'/opt/my node/bin/node' /opt/llm-gateway/bin/llm-gateway.js token --url https://llm.example",
  );
  assert.deepEqual(env, {
    EDITOR: 'vi',
    ANTHROPIC_BASE_URL: 'https://llm.example',
    CLAUDE_CODE_API_KEY_HELPER_TTL_MS: '60000',
  });
});

test('what somebody has changed since the set-up is theirs and stays', () => {
  const before = { env: { ANTHROPIC_AUTH_TOKEN: 'old' } };
  const since = {
    ...withGateway(before, ACCESS),
    model: 'opus',
    statusLine: { type: 'command', command: 'date' },
  };
  assert.deepEqual(withoutGateway(since, before), {
    model: 'opus',
    statusLine: { type: 'command', command: 'date' },
    env: { ANTHROPIC_AUTH_TOKEN: 'old' },
  });
  const foreign = { apiKeyHelper: 'my-helper', env: { ANTHROPIC_BASE_URL: 'https://mine.example' } };
  assert.deepEqual(withoutGateway(foreign, before), foreign);
});

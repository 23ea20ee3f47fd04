import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasProvider, modelOf, withoutProvider, withProvider } from '../../../src/cli/setup/codex-config.ts';

const ACCESS = { gateway: 'https://llm.example', command: ['/usr/bin/node', '/opt/llm-gateway.js'] } as const;

const MINE = `# my settings
model = "gpt-5.5"
model_provider = 'openai'
notify = [
  "say",
]

[projects."/home/ada"]
model = "of a project"

[[mcp]]
name = "adder"
`;

test('our keys come first, what they replace is put aside, and nothing else is touched', () => {
  const toml = withProvider(MINE, ACCESS, 'qwen3-32b');
  assert.match(
    toml,
    /^model = "qwen3-32b"[^\n]*\nmodel_provider = "llm-gateway"[^\n]*\nweb_search = "disabled"/,
  );
  assert.match(toml, /put aside: model = "gpt-5\.5"\n[^\n]*put aside: model_provider = 'openai'\n/);
  assert.match(toml, /\[projects\."\/home\/ada"\]\nmodel = "of a project"\n/);
  assert.match(toml, /base_url = "https:\/\/llm\.example\/v1"/);
  assert.match(toml, /args = \["\/opt\/llm-gateway\.js", "token", "--url", "https:\/\/llm\.example"\]\n$/);
  assert.equal(modelOf(toml), 'qwen3-32b');
  assert.doesNotMatch(toml, /^name = "OpenAI"/m);
  assert.equal(withoutProvider(toml), MINE);
});

test('setting up again changes nothing, or only what is new', () => {
  const once = withProvider(MINE, ACCESS, 'qwen3-32b');
  assert.equal(withProvider(once, ACCESS, 'qwen3-32b'), once);
  assert.equal(withoutProvider(withProvider(once, ACCESS, 'other')), MINE);
});

test('tables that Codex has added behind ours stay when ours are removed', () => {
  const toml = `${withProvider('', ACCESS, 'm')}\n[projects."/work"]\ntrust_level = "trusted"\n`;
  assert.ok(hasProvider(toml));
  assert.equal(withoutProvider(toml), '[projects."/work"]\ntrust_level = "trusted"\n');
});

const lines = fc.constantFrom(
  'model = "a"',
  "  model_provider = 'b'",
  'web_search = "live" # mine',
  'approval_policy = "never"',
  '# a note',
  '',
  '[tui]',
  '[[hooks]]',
  '[model_providers.other]',
  'x = [1, 2]',
);

test('whatever the file was, set up and removed it is as before, blank lines aside', () => {
  const solid = (text: string) => text.split('\n').filter((line) => line.trim() !== '');
  fc.assert(
    fc.property(fc.array(lines, { maxLength: 12 }), (chosen) => {
      const before = chosen.join('\n');
      assert.deepEqual(solid(withoutProvider(withProvider(before, ACCESS, 'm'))), solid(before));
    }),
  );
});

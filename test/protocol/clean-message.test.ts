import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cleanMessage } from '../../src/protocol/clean-message.ts';

test('addresses of backends are removed in every form', () => {
  for (const address of [
    'http://vllm-qwen.models.svc.cluster.local:8000/v1/chat/completions?key=1',
    'https://user:pass@10.0.0.7/x',
    '10.20.30.40:8000',
    '192.168.0.1',
    'localhost:8000',
    '[fe80::1]:8000',
    'vllm.models.svc:8000',
    'gpu-7.corp.example.internal',
    'api.backend.com',
    'vllm-qwen:8000',
  ]) {
    assert.equal(cleanMessage(`Cannot reach (${address}) now`), 'Cannot reach ([address]) now', address);
  }
  assert.equal(cleanMessage('connect ECONNREFUSED vllm:8000'), 'connect ECONNREFUSED [address]');
});

test('anything that looks like a key is removed', () => {
  for (const key of [
    'sk-proj-abcDEF123456',
    'sk-ant-api03-********wxyz',
    'Bearer abcdefgh',
    'Basic dXNlcjpwYXNzd29yZA==',
    'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln',
    'AIzaSyA1234567890abcdefghij',
    '0123456789abcdef0123456789abcdef',
  ]) {
    assert.equal(cleanMessage(`Wrong: "${key}" was sent`), 'Wrong: "[key]" was sent', key);
  }
  assert.equal(cleanMessage('{"api_key": "topsecret"}'), '{"api_key": "[key]"}');
  assert.equal(cleanMessage('password=hunter2 rejected'), 'password=[key] rejected');
  assert.equal(
    cleanMessage('Limit reached in organization org-AbCdEf123456 on tokens'),
    'Limit reached in organization [id] on tokens',
  );
});

test('ordinary sentences about models, fields and numbers stay whole', () => {
  for (const message of [
    'The model `qwen3:32b` does not exist. Valid aliases: Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8.',
    'messages.0.content.1.source.base64.media_type: Input should be image/png',
    'prompt is too long: 210431 tokens > 200000 maximum',
    'error code:400 at line 3:14, version 1.2.3',
    'Invalid `signature` in `thinking` block',
    'tool toolu_01A09q90qw90lq917835lq9 has no result',
    'Bearer token is missing; API key required. Basic authentication is off.',
    'tools.3.custom.name: mcp__server__a_long_tool_name_of_more_than_32_characters is taken',
  ]) {
    assert.equal(cleanMessage(message), message);
  }
});

test('a message of megabytes is cut', () => {
  const cut = cleanMessage('word '.repeat(1_000_000));
  assert.equal(cut.length, 1000);
  assert.ok(cut.endsWith('…'));
});

test('no address and no key survives, wherever it stands', () => {
  const host = fc.stringMatching(/^[a-z]{3,12}$/);
  const secret = fc.stringMatching(/^[A-Za-z0-9]{20,40}$/);
  const words = fc.stringMatching(/^[a-z ,.]{0,30}$/);
  fc.assert(
    fc.property(words, host, secret, words, (before, name, key, after) => {
      const message = `${before} http://${name}.svc:8000/v1 said "sk-${key}" ${after}`;
      const clean = cleanMessage(message);
      assert.ok(!clean.includes(`${name}.svc`), clean);
      assert.ok(!clean.includes(key), clean);
    }),
  );
});

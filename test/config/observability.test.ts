import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { loadConfig } from '../../src/config/load.ts';

function load(env: Record<string, string>) {
  return loadConfig({ env, readFile: (path) => `x-token=canary%20of ${path}\n` });
}

test('nothing set: no traces', () => {
  const loaded = load({});
  assert.ok(loaded.ok);
  assert.equal(loaded.config.observability.traces.url, undefined);
});

test('OpenTelemetry’s own variables name the collector, the service and the headers', () => {
  const loaded = load({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
    OTEL_SERVICE_NAME: 'llm',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20canary, x-team = a=b%zz ,',
  });
  assert.ok(loaded.ok, inspect(loaded));
  const { url, serviceName, headers } = loaded.config.observability.traces;
  assert.equal(url, 'http://collector:4318');
  assert.equal(serviceName, 'llm');
  const revealed = Object.entries(headers).map(([name, value]) => [name, value.reveal()]);
  assert.deepEqual(revealed, [
    ['authorization', 'Bearer canary'],
    ['x-team', 'a=b%zz'],
  ]);
  assert.doesNotMatch(`${inspect(loaded, { depth: 9 })}${JSON.stringify(loaded)}`, /canary/);
});

test('the headers may come from a file', () => {
  const loaded = load({ OTEL_EXPORTER_OTLP_HEADERS_FILE: '/run/secrets/otlp' });
  assert.ok(loaded.ok, inspect(loaded));
  const { headers } = loaded.config.observability.traces;
  assert.equal(headers['x-token']?.reveal(), 'canary of /run/secrets/otlp');
});

test('headers that cannot be read are refused by the variable’s name, without showing them', () => {
  for (const text of ['canary', 'a=b,canary', 'ca nary=1']) {
    const loaded = load({ OTEL_EXPORTER_OTLP_HEADERS: text });
    assert.ok(!loaded.ok, text);
    assert.match(loaded.problems[0]?.key ?? '', /OTEL_EXPORTER_OTLP_HEADERS|observability\.traces\.headers/);
    assert.doesNotMatch(inspect(loaded.problems), /canary/);
  }
});

test('an address of the collector with a credential in it is refused', () => {
  const loaded = load({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:canary@collector:4318' });
  assert.ok(!loaded.ok);
  assert.equal(loaded.problems[0]?.key, 'OTEL_EXPORTER_OTLP_ENDPOINT');
  assert.doesNotMatch(inspect(loaded.problems), /canary/);
});

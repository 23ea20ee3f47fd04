import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { changesBetween, touches, withOptionsOf } from '../../src/config/compare.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';

function load(yaml: string): Config {
  const loaded = loadConfig({ env: { GATEWAY_CONFIG: 'g.yaml' }, readFile: () => yaml });
  assert.ok(loaded.ok, inspect(loaded));
  return loaded.config;
}

const TIERS = (limit: number, match = 'claude') => `
tiers:
  free: { rank: 0, requestsPerDay: ${limit}, routes: [{ match: ${match}, to: internal }] }
`;

test('a configuration does not differ from itself', () => {
  const yaml = 'backends: { claude: { kind: claude, url: "https://a.example", apiKey: k } }\n';
  assert.deepEqual(changesBetween(load(yaml), load(yaml)), []);
});

test('a changed number is named with both values', () => {
  assert.deepEqual(changesBetween(load(TIERS(10)), load(TIERS(20))), [
    { key: 'tiers.free.requestsPerDay', from: 10, to: 20 },
  ]);
});

test('a changed secret is noticed and not shown', () => {
  const yaml = (key: string) => `
auth: { static: { keys: [{ key: ${key}, user: canary-user, tier: free }] } }
backends: { claude: { kind: claude, url: "https://a.example", apiKey: ${key} } }
`;
  const changes = changesBetween(load(yaml('canary-one')), load(yaml('canary-two')));
  assert.deepEqual(changes, [
    { key: 'auth.static.keys', from: '1 entries', to: '1 entries' },
    { key: 'backends.claude.apiKey', from: '[secret]', to: '[secret]' },
  ]);
  assert.doesNotMatch(JSON.stringify(changes), /canary/);
});

test('backends that come and go are one change each', () => {
  const before = load('backends: { claude: { kind: claude, url: "https://a.example", apiKey: canary } }\n');
  const after = load('backends: { axon: { kind: axon, url: "https://b.example", apiKey: canary } }\n');
  const changes = changesBetween(before, after);
  assert.deepEqual(
    changes.map(({ key }) => key),
    ['backends.claude', 'backends.axon'],
  );
  assert.doesNotMatch(JSON.stringify(changes), /canary/);
});

test('a list of addresses is shown, a list of routes counted', () => {
  const internal = (urls: string) => `backends: { internal: { kind: internal, url: [${urls}] } }\n`;
  assert.deepEqual(changesBetween(load(internal('http://a')), load(internal('http://a, http://b'))), [
    { key: 'backends.internal.url', from: ['http://a'], to: ['http://a', 'http://b'] },
  ]);
  assert.deepEqual(changesBetween(load(TIERS(1)), load(TIERS(1, 'gpt'))), [
    { key: 'tiers.free.routes', from: '1 entries', to: '1 entries' },
  ]);
});

test('a change touches its section and nothing that only begins alike', () => {
  const changes = [{ key: 'server.port', from: 1, to: 2 }];
  assert.ok(touches(changes, ['server']));
  assert.ok(touches(changes, ['tiers', 'server.port']));
  assert.ok(!touches(changes, ['serv', 'server.portal', 'server.port.x']));
});

test('single options can be held while the others change', () => {
  const [before, after] = [load('server: { port: 1 }\n'), load('server: { port: 2, drainSeconds: 7 }\n')];
  const mixed = withOptionsOf(after, before, ['server.port']);
  assert.deepEqual(mixed.server, { ...after.server, port: 1 });
  assert.equal(after.server.port, 2);
  assert.deepEqual(changesBetween(before, mixed), [{ key: 'server.drainSeconds', from: 300, to: 7 }]);
});

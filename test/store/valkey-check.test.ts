import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toStoreWarnings } from '../../src/store/valkey-check.ts';

function info(policy: string, appendOnly: 0 | 1): string {
  return `# Memory\r\nused_memory:1\r\nmaxmemory_policy:${policy}\r\n\n# Persistence\r\naof_enabled:${appendOnly}\r\n`;
}

test('a server that evicts nothing and logs every write is fine', () => {
  assert.deepEqual(toStoreWarnings({ info: info('noeviction', 1), save: '' }), []);
});

for (const policy of ['allkeys-lru', 'volatile-ttl', 'volatile-lru']) {
  test(`maxmemory-policy ${policy} draws a warning`, () => {
    const [warning = '', ...more] = toStoreWarnings({ info: info(policy, 1), save: '' });
    assert.match(warning, new RegExp(`maxmemory-policy is "${policy}".*"noeviction"`));
    assert.deepEqual(more, []);
  });
}

test('neither log nor snapshots draw a warning about restarts', () => {
  const [warning = ''] = toStoreWarnings({ info: info('noeviction', 0), save: '' });
  assert.match(warning, /keeps nothing on disk.*"appendonly yes"/);
});

test('snapshots alone draw a warning about the time since the last', () => {
  const [warning = ''] = toStoreWarnings({ info: info('noeviction', 0), save: '3600 1 300 100' });
  assert.match(warning, /only takes snapshots/);
});

test('what a managed service hides is not complained about', () => {
  assert.deepEqual(toStoreWarnings({ info: '', save: null }), []);
  assert.deepEqual(toStoreWarnings({ info: info('noeviction', 0), save: null }), []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../../src/observe/log.ts';

function capture(level = 'info') {
  const written: string[] = [];
  return { log: createLog(level, { write: (line: string) => void written.push(line) }), written };
}

test('a line is one JSON object with level, time and message', () => {
  const { log, written } = capture();
  log.info({ request_id: 'req_1' }, 'request');
  const line = JSON.parse(written[0] ?? '') as Record<string, unknown>;
  assert.deepEqual(Object.keys(line), ['level', 'time', 'request_id', 'msg']);
  assert.match(String(line.time), /^\d{4}-\d\d-\d\dT.*Z$/);
});

test('what is below the level is not written', () => {
  const { log, written } = capture('warn');
  log.info({}, 'no');
  log.warn({}, 'yes');
  assert.equal(written.length, 1);
});

test('an error is logged by kind and place, never by its message', () => {
  const { log, written } = capture();
  const cause = Object.assign(new Error('canary in the cause'), { code: 'ECONNRESET' });
  log.error({ err: new Error('canary prompt', { cause }) }, 'request failed');
  assert.doesNotMatch(written.join(''), /canary/);
  assert.match(written.join(''), /ECONNRESET/);
});

test('something thrown that is no error says its type only', () => {
  const { log, written } = capture();
  log.error({ err: 'canary' }, 'request failed');
  assert.doesNotMatch(written.join(''), /canary/);
});

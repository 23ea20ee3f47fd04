import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog, gatherLines } from '../../src/observe/log.ts';

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

test('what is logged at once is written at once and in order, at the end of the process without waiting', () => {
  const written: string[] = [];
  const later: (() => void)[] = [];
  const destination = { write: (text: string) => void written.push(text) };
  const gathered = gatherLines(destination, (run) => void later.push(run));
  const log = createLog('info', gathered);
  log.info({}, 'first');
  log.info({}, 'second');
  assert.deepEqual(written, []);
  for (const run of later.splice(0)) run();
  assert.equal(written.length, 1);
  assert.match(written[0] ?? '', /"first"\}\n.*"second"\}\n$/);
  log.info({}, 'last');
  gathered.flush();
  for (const run of later) run();
  assert.equal(written.length, 2);
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { GatewayError } from '../../src/errors.ts';
import { createStoredResponses } from '../../src/responses-store/stored-responses.ts';
import { createSqliteRecords } from '../../src/store/sqlite-records.ts';

const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-responses-'));
let files = 0;
const closers: (() => Promise<void>)[] = [];
after(async () => {
  for (const close of closers) await close();
  rmSync(folder, { recursive: true, force: true });
});

function setUp(bytesPerUser = 10_000) {
  const time = { now: 1_000_000 };
  const clock = () => time.now;
  const records = createSqliteRecords({ file: join(folder, `${files++}.db`), clock });
  closers.push(() => records.close());
  const stored = createStoredResponses(records, { keepMs: 60_000, bytesPerUser }, clock);
  return { stored, time, records };
}

const answer = (id: string, text = 'x') => ({ response: { id, text }, items: [text] });

test('what a user kept is theirs alone, until it is deleted', async () => {
  const { stored } = setUp();
  await stored.put('ada', answer('resp_1', 'hello'));
  assert.deepEqual(await stored.get('ada', 'resp_1'), answer('resp_1', 'hello'));
  assert.equal(await stored.get('bob', 'resp_1'), null);
  assert.equal(await stored.delete('bob', 'resp_1'), false);
  assert.equal(await stored.delete('ada', 'resp_1'), true);
  assert.equal(await stored.get('ada', 'resp_1'), null);
});

test('a response is gone when its time is over', async () => {
  const { stored, time } = setUp();
  await stored.put('ada', answer('resp_1'));
  time.now += 59_999;
  assert.notEqual(await stored.get('ada', 'resp_1'), null);
  time.now += 1;
  assert.equal(await stored.get('ada', 'resp_1'), null);
});

test('the oldest make room, and nobody has more than their bytes', async () => {
  const { stored, records } = setUp(1000);
  for (let index = 0; index < 20; index++) await stored.put('ada', answer(`resp_${index}`, 'y'.repeat(100)));
  const left = (await records.collection('responses:ada').list()).filter(({ key }) => key !== 'index');
  assert.ok(left.reduce((sum, { value }) => sum + value.length, 0) <= 1000);
  assert.ok(left.length >= 3, 'there is room for some');
  assert.notEqual(await stored.get('ada', 'resp_19'), null);
  assert.equal(await stored.get('ada', 'resp_0'), null);
});

test('a response that alone is larger than a user may have is not kept', async () => {
  const { stored } = setUp(1000);
  await stored.put('ada', answer('resp_1', 'z'.repeat(2000)));
  assert.equal(await stored.get('ada', 'resp_1'), null);
});

test('answers that end at the same moment are all kept and all counted', async () => {
  const { stored, records } = setUp(100_000);
  const ids = Array.from({ length: 8 }, (_, index) => `resp_${index}`);
  await Promise.all(ids.map((id) => stored.put('ada', answer(id))));
  for (const id of ids) assert.notEqual(await stored.get('ada', id), null, id);
  const index = JSON.parse((await records.collection('responses:ada').get('index')) ?? '[]') as unknown[];
  assert.equal(index.length, 8);
});

const item = (id: string, text = 'x') => ({ type: 'message', id, content: text });
const withOutput = (id: string, ...output: object[]) => ({ response: { id, output }, items: [] });

test('items of kept answers are found by their ids, by their user alone, until they are gone', async () => {
  const { stored, time } = setUp();
  await stored.put('ada', withOutput('resp_1', item('msg_1'), item('msg_2')));
  await stored.put('ada', withOutput('resp_2', item('msg_3')));
  const found = async (subject: string, ...ids: string[]) => [...(await stored.items(subject, new Set(ids)))];
  assert.deepEqual(await found('ada', 'msg_3', 'msg_2', 'msg_9'), [
    ['msg_2', item('msg_2')],
    ['msg_3', item('msg_3')],
  ]);
  assert.deepEqual(await found('bob', 'msg_1'), []);
  await stored.delete('ada', 'resp_2');
  assert.deepEqual(await found('ada', 'msg_3'), []);
  time.now += 60_000;
  assert.deepEqual(await found('ada', 'msg_1'), []);
});

test('a store that does not answer is said to be away, whatever was asked of it', async () => {
  const { stored, records } = setUp();
  await records.close();
  for (const asked of [
    () => stored.get('ada', 'resp_1'),
    () => stored.items('ada', new Set(['msg_1'])),
    () => stored.put('ada', answer('resp_1')),
    () => stored.delete('ada', 'resp_1'),
  ])
    await assert.rejects(
      asked,
      (error) => error instanceof GatewayError && error.code === 'store_unavailable',
    );
});

test('the index is no response', async () => {
  const { stored } = setUp();
  await stored.put('ada', answer('resp_1'));
  assert.equal(await stored.get('ada', 'index'), null);
  assert.equal(await stored.delete('ada', 'index'), false);
});

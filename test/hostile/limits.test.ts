import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MAX_MODEL_SERIES, MAX_USER_SERIES } from '../../src/observe/metrics.ts';
import { MAX_JSON_CONTAINERS, MAX_JSON_DEPTH, MAX_JSON_FIELDS } from '../../src/protocol/scan-request.ts';
import { MAX_MODEL_NAME_LENGTH } from '../../src/routing/match-model.ts';
import { chat, KEYS, startRig } from '../support/rig.ts';
import { within } from '../support/within.ts';
import { dial, readAnswer, request, sendRaw } from './raw-client.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'limits.md'), 'utf8');
const said = (limit: number, unit: string) => new RegExp(`\\b${limit.toLocaleString('en-US')}${unit}`);

test('the page of limits says the numbers of the source', () => {
  assert.match(page, said(MAX_JSON_DEPTH, ' levels'));
  assert.match(
    page,
    new RegExp(`lists and objects in the body +\\| ${said(MAX_JSON_CONTAINERS, '').source}`),
  );
  assert.match(page, new RegExp(`outermost object +\\| ${said(MAX_JSON_FIELDS, '').source}`));
  assert.match(page, said(MAX_MODEL_NAME_LENGTH, ' characters'));
  assert.match(page, said(MAX_USER_SERIES, ' users'));
  assert.match(page, said(MAX_MODEL_SERIES, ' asked model'));
});

test('more than a hundred requests ahead of their answers end the connection, and what they held', async () => {
  const rig = await startRig();
  try {
    const one = request({
      method: 'POST',
      path: '/v1/chat/completions',
      headers: [`authorization: Bearer ${KEYS.enterprise}`, 'content-type: application/json'],
      body: JSON.stringify(chat('qwen3-32b')),
    });
    const stall = { beforeHeaders: 'stall' } as const;
    rig.internal.reply(...Array.from({ length: 100 }, () => stall));
    const many = await dial(rig.gateway.url);
    many.write(one.repeat(100));
    await within(5000, 'a hundred requests', rig.internal.request(100));
    many.write(one);
    await within(2000, 'the end', new Promise((resolve) => many.resume().once('close', resolve)));
    await within(5000, 'free backends', Promise.all(rig.internal.requests.map(({ over }) => over)));
    assert.equal(rig.internal.requests.length, 100);
    // One after the other, a connection takes as many as it likes.
    const patient = await dial(rig.gateway.url);
    for (let round = 0; round < 150; round++) {
      patient.write(request({ path: '/livez' }));
      await within(2000, 'an answer', new Promise((resolve) => patient.once('data', resolve)));
    }
    patient.destroy();
  } finally {
    await rig.close();
  }
});

test('connections beyond the limit are closed at once, and a place is free as soon as one ends', async () => {
  const rig = await startRig({}, 'limits: { connections: 20 }\n');
  try {
    const sockets = await Promise.all(Array.from({ length: 40 }, () => dial(rig.gateway.url)));
    const answers = sockets.map((socket) => {
      socket.write(request({ path: '/livez' }));
      return within(5000, 'an answer or an end', readAnswer(socket));
    });
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    const served = statuses.filter((status) => status === 200).length;
    assert.ok(served > 0 && served <= 20, `${served} were served`);
    assert.equal(statuses.filter((status) => status === 0).length, 40 - served);
    for (const socket of sockets) socket.destroy();
    await within(
      5000,
      'a free place',
      (async () => {
        while (
          (await sendRaw(rig.gateway.url, request({ path: '/livez' })).catch(() => null))?.status !== 200
        );
      })(),
    );
  } finally {
    await rig.close();
  }
});

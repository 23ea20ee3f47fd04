import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Config, configSchema } from '../../src/config/schema.ts';
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

type Limit = keyof Config['limits'];
type Proof = readonly [file: string, name: string];

/** What proves each option: a test by its file below test/, and its name as the source has it, `{…}` for `${…}`. */
const PROOFS: Readonly<Record<Limit, Proof>> = {
  connections: [
    'hostile/limits',
    'connections beyond the limit are closed at once, and a place is free as soon as one ends',
  ],
  requests: [
    'gateway/limits',
    'requests beyond those of one user and beyond those of the process are refused in each dialect, and cost nothing',
  ],
  requestsPerUser: ['http/in-flight', 'one user too many times is refused, others are not'],
  headersSeconds: ['hostile/slow-clients', 'headers that drip are cut off in time, in words'],
  bodyBytes: [
    'gateway/refusals',
    'a body above the limit is refused before it is read, by its announced length and by counting',
  ],
  requestSeconds: [
    'gateway/limits',
    'a body that comes too slowly is a 408 for the client, in its dialect, and in log and metric',
  ],
  idleSeconds: ['hostile/slow-clients', 'a thousand idle connections harm nobody and are closed in time'],
  connectSeconds: [
    'gateway/limits',
    'a backend that takes the connection and never speaks TLS is given up in time',
  ],
  firstByteSeconds: [
    'hostile/upstream-faults',
    '{path}: a backend that {what} is a {expected} in the caller’s dialect, and free',
  ],
  keepAliveSeconds: ['gateway/faults', '{way.name}: silence is filled with keep-alives between whole frames'],
  betweenBytesSeconds: [
    'gateway/faults',
    '{way.name}: a backend that falls silent in its answer is given up in time',
  ],
  answerSeconds: ['gateway/limits', 'an answer that drips on is ended in its stream when its time is over'],
  slowReaderSeconds: [
    'hostile/slow-clients',
    'who does not read a whole answer is let go, and the memory with it',
  ],
  replyBytes: [
    'hostile/upstream-faults',
    '{path}: an event of a megabyte arrives whole, one beyond the limit ends in an error',
  ],
};

const defaults = configSchema.shape.limits.parse({});

for (const option of Object.keys(defaults) as Limit[]) {
  test(`the page says the default of ${option}, and a test proves it`, () => {
    const value = defaults[option];
    const unit = option.endsWith('Seconds') ? ' seconds' : option.endsWith('Bytes') ? ' MiB' : '';
    const shown = (option.endsWith('Bytes') ? value / 1024 / 1024 : value).toLocaleString('en-US');
    assert.match(page, new RegExp(`^\\| \`${option}\` +\\| ${shown}${unit} +\\|`, 'm'));
    const [file, name] = PROOFS[option];
    const source = readFileSync(join(import.meta.dirname, '..', `${file}.test.ts`), 'utf8');
    assert.ok(source.replaceAll('${', '{').includes(name), `no such test: ${name}`);
  });
}

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

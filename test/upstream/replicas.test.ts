import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createReplicas, type ReplicaState } from '../../src/upstream/replicas.ts';

const A = 'http://a';
const B = 'http://b';
const PEERS = [A, B];

function clockwork() {
  let time = 0;
  const changes: [string, ReplicaState][] = [];
  const replicas = createReplicas({ now: () => time, onChange: (url, state) => changes.push([url, state]) });
  const visit = (url: string, went: 'well' | 'ill') => {
    const one = replicas.visit(url, PEERS);
    if (went === 'well') one.succeeded();
    else one.failed();
    one.end();
  };
  return {
    replicas,
    changes,
    visit,
    pass: (ms: number) => {
      time += ms;
    },
    fail: (url: string, times: number) => {
      for (let count = 0; count < times; count++) visit(url, 'ill');
    },
  };
}

test('five failures in a row leave a replica alone; four do not, and a success starts anew', () => {
  const { replicas, fail, visit, changes } = clockwork();
  fail(A, 4);
  visit(A, 'well');
  fail(A, 4);
  assert.equal(replicas.state(A), 'closed');
  fail(A, 1);
  assert.equal(replicas.state(A), 'open');
  assert.equal(replicas.isUsable(A), false);
  assert.equal(replicas.isUsable(B), true);
  assert.deepEqual(changes, [[A, 'open']]);
});

test('after its rest one request at a time finds out; success brings it back', () => {
  const { replicas, fail, pass, visit, changes } = clockwork();
  fail(A, 5);
  pass(1000);
  assert.equal(replicas.state(A), 'half-open');
  const probe = replicas.visit(A, PEERS);
  assert.equal(replicas.isUsable(A), false, 'the probe is under way');
  probe.end();
  assert.equal(replicas.isUsable(A), true, 'a client that left tells nothing');
  visit(A, 'well');
  assert.equal(replicas.state(A), 'closed');
  assert.deepEqual(changes.at(-1), [A, 'closed']);
});

test('answers that go on from before keep no probe away', () => {
  const { replicas, fail, pass } = clockwork();
  replicas.visit(A, PEERS).succeeded();
  fail(A, 5);
  pass(1000);
  assert.equal(replicas.inFlight(A), 1);
  assert.equal(replicas.isUsable(A), true);
});

test('each failed probe doubles the rest, up to half a minute', () => {
  const { replicas, fail, pass } = clockwork();
  fail(A, 5);
  for (const rest of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
    pass(rest - 1);
    assert.equal(replicas.state(A), 'open');
    pass(1);
    assert.equal(replicas.state(A), 'half-open');
    fail(A, 1);
  }
});

test('one that fails every other request is ejected, as its peer does not', () => {
  const { replicas, visit } = clockwork();
  for (let count = 0; count < 10; count++) {
    visit(A, count % 2 === 0 ? 'well' : 'ill');
    visit(B, 'well');
  }
  assert.equal(replicas.state(A), 'open');
  assert.equal(replicas.state(B), 'closed');
});

test('where the peer fails alike, nobody is ejected', () => {
  const { replicas, visit } = clockwork();
  for (let count = 0; count < 40; count++)
    for (const url of PEERS) visit(url, count % 2 === 0 ? 'well' : 'ill');
  assert.deepEqual(PEERS.map(replicas.state), ['closed', 'closed']);
});

test('what failed long ago is not held against it', () => {
  const { replicas, visit, pass } = clockwork();
  for (let count = 0; count < 9; count++) visit(A, count % 2 === 0 ? 'ill' : 'well');
  pass(31_000);
  visit(B, 'well');
  visit(A, 'ill');
  assert.equal(replicas.state(A), 'closed');
});

test('an answer that breaks off counts as a failure, though it had begun', () => {
  const { replicas } = clockwork();
  for (let count = 0; count < 10; count++) {
    const one = replicas.visit(A, PEERS);
    one.succeeded();
    one.failed();
    one.end();
    replicas.visit(B, PEERS).succeeded();
  }
  assert.equal(replicas.state(A), 'open');
});

test('one that says it is down gets nothing, whatever its answers were, until it says otherwise', () => {
  const { replicas, visit, changes } = clockwork();
  visit(A, 'well');
  replicas.said(A, false);
  replicas.said(A, false);
  assert.equal(replicas.state(A), 'down');
  assert.equal(replicas.isUsable(A), false);
  replicas.said(A, true);
  assert.equal(replicas.isUsable(A), true);
  assert.deepEqual(changes, [
    [A, 'down'],
    [A, 'closed'],
  ]);
});

test('as the last resort one that is not well takes three requests at once', () => {
  const { replicas, fail } = clockwork();
  fail(A, 5);
  const visits = [1, 2, 3].map(() => replicas.visit(A, [A]));
  assert.equal(replicas.takesLastResort(A), false);
  visits[0]?.end();
  assert.equal(replicas.takesLastResort(A), true);
});

test('requests in flight are those that have not ended, however often each end is said', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('begin', 'end', 'fail', 'succeed'), { maxLength: 60 }), (steps) => {
      const { replicas } = clockwork();
      const open: ReturnType<typeof replicas.visit>[] = [];
      let ended = 0;
      for (const step of steps) {
        const last = open.at(-1);
        if (step === 'begin') open.push(replicas.visit(A, PEERS));
        else if (step === 'fail') last?.failed();
        else if (step === 'succeed') last?.succeeded();
        else if (last !== undefined) {
          last.end();
          last.end();
          open.pop();
          ended++;
        }
      }
      assert.equal(replicas.inFlight(A), open.length);
      assert.equal(steps.filter((step) => step === 'begin').length, open.length + ended);
    }),
  );
});

test('a replica that left the configuration is forgotten', () => {
  const { replicas, fail } = clockwork();
  fail(A, 5);
  fail(B, 5);
  replicas.keep(new Set([B]));
  assert.equal(replicas.state(A), 'closed');
  assert.equal(replicas.state(B), 'open');
});

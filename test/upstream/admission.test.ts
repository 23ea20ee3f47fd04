import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GatewayError } from '../../src/errors.ts';
import { createAdmission, type Gate, type Leave } from '../../src/upstream/admission.ts';

const GATE: Gate = { places: () => 1, maxWaiting: 100, patienceMs: 1000 };
const STAYS = new AbortController().signal;
const guest = (user: string, weight = 1, isBackground = false) => ({
  user,
  weight,
  isBackground: () => isBackground,
});

/** Timers that run when the test says so. */
function timers() {
  const pending = new Map<() => void, number>();
  return {
    after: (ms: number, run: () => void) => {
      pending.set(run, ms);
      return () => pending.delete(run);
    },
    pending,
    /** Runs what is due so many milliseconds from now. */
    fire: (within = Number.POSITIVE_INFINITY) => {
      for (const [run, ms] of [...pending]) {
        if (ms > within) continue;
        pending.delete(run);
        run();
      }
    },
  };
}

/** Everybody enters; who came in is noted, in order. */
function scene(gate: Gate = GATE) {
  const clock = timers();
  const admission = createAdmission(clock.after);
  const inside: { readonly name: string; readonly leave: Leave }[] = [];
  return {
    clock,
    admission,
    inside,
    names: () => inside.map(({ name }) => name),
    enter: async (name: string, who = guest(name), signal = STAYS) => {
      const leave = await admission.enter('vllm', gate, who, signal);
      inside.push({ name, leave });
    },
    /** Lets whoever is inside leave, one after the other, until nobody waits. */
    async empty() {
      for (let next = 0; next < inside.length; next++) {
        inside[next]?.leave();
        await new Promise(setImmediate);
      }
    },
  };
}

const refused = (error: unknown) =>
  error instanceof GatewayError &&
  error.code === 'backend_overloaded' &&
  error.details.retryAfterSeconds === 2 &&
  error.message.includes('nothing was charged');

test('whoever finds a place enters at once, without a promise', () => {
  const admission = createAdmission();
  const leave = admission.enter('vllm', GATE, guest('a'), STAYS);
  assert.equal(typeof leave, 'function');
  assert.ok(
    admission.enter('other', GATE, guest('a'), STAYS) instanceof Function,
    'each backend has its line',
  );
});

test('whoever finds none waits, and enters when somebody leaves', async () => {
  const { enter, names, empty, admission, clock } = scene();
  await enter('first');
  const second = enter('second');
  assert.equal(admission.waiting('vllm'), 1);
  await empty();
  await second;
  assert.deepEqual(names(), ['first', 'second']);
  assert.equal(admission.waiting('vllm'), 0);
  assert.equal(clock.pending.size, 0, 'no timer is left');
});

test('people come before background work, whoever came first', async () => {
  const { enter, names, empty } = scene();
  await enter('inside');
  const waits = [
    enter('title', guest('b', 8, true)),
    enter('person', guest('c')),
    enter('another', guest('d')),
  ];
  await empty();
  await Promise.all(waits);
  assert.deepEqual(names(), ['inside', 'person', 'another', 'title']);
});

test('a user with many requests does not keep another waiting', async () => {
  const { enter, names, empty } = scene();
  await enter('inside');
  const waits = ['g1', 'g2', 'g3', 'g4'].map((name) => enter(name, guest('greedy')));
  waits.push(enter('modest', guest('modest')));
  await empty();
  await Promise.all(waits);
  assert.ok(names().indexOf('modest') <= 2, names().join());
});

test('of a hundred turns a tier of weight four has four for each of a tier of weight one', async () => {
  const { enter, names, empty } = scene();
  await enter('inside');
  const waits: Promise<void>[] = [];
  for (let count = 0; count < 50; count++) {
    waits.push(enter('light', guest('light', 1)), enter('heavy', guest('heavy', 4)));
  }
  await empty();
  await Promise.all(waits);
  const early = names().slice(1, 51);
  const heavy = early.filter((name) => name === 'heavy').length;
  assert.ok(heavy >= 39 && heavy <= 41, `${heavy} of 50`);
});

test('beyond the bound nobody waits', async () => {
  const { enter, admission } = scene({ ...GATE, maxWaiting: 1 });
  await enter('inside');
  void enter('waiting');
  await assert.rejects(enter('surplus'), refused);
  assert.equal(admission.waiting('vllm'), 1);
});

test('whoever has waited too long is sent away, and holds nothing', async () => {
  const { enter, clock, admission, empty, names } = scene();
  await enter('inside');
  const waiting = enter('impatient');
  clock.fire();
  await assert.rejects(waiting, refused);
  assert.equal(admission.waiting('vllm'), 0);
  await empty();
  await enter('next');
  assert.deepEqual(names(), ['inside', 'next']);
});

test('a client that leaves is out of the line at once', async () => {
  const { enter, admission, clock } = scene();
  await enter('inside');
  const client = new AbortController();
  const waiting = enter('leaver', guest('leaver'), client.signal);
  const reason = new Error('left');
  client.abort(reason);
  assert.equal(admission.waiting('vllm'), 0);
  await assert.rejects(waiting, reason);
  assert.equal(clock.pending.size, 0);
});

test('a client that has left already does not begin to wait', async () => {
  const { enter, admission } = scene();
  await enter('inside');
  await assert.rejects(enter('late', guest('late'), AbortSignal.abort(new Error('left'))), /left/);
  assert.equal(admission.waiting('vllm'), 0);
});

test('a place that comes back with a replica is given to who waits', async () => {
  let places = 1;
  const { enter, names, inside } = scene({ ...GATE, places: () => places });
  await enter('first');
  const waits = [enter('second'), enter('third')];
  places = 2;
  inside[0]?.leave();
  await Promise.all(waits);
  assert.deepEqual(names(), ['first', 'second', 'third']);
});

test('a place that comes while nobody leaves is given to who waits', async () => {
  let places = 1;
  const { enter, names, admission, clock } = scene({ ...GATE, places: () => places });
  await enter('first');
  const waits = [enter('second'), enter('third'), enter('fourth')];
  clock.fire(500);
  assert.equal(admission.waiting('vllm'), 3, 'there is none yet');
  places = 3;
  clock.fire(500);
  assert.equal(admission.waiting('vllm'), 1);
  places = 4;
  clock.fire(500);
  await Promise.all(waits);
  assert.deepEqual(names(), ['first', 'second', 'third', 'fourth']);
  assert.equal(clock.pending.size, 0, 'nobody looks any more');
});

test('never more inside than there are places, and nobody is forgotten', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(
        fc.record({
          user: fc.constantFrom('a', 'b', 'c'),
          weight: fc.integer({ min: 1, max: 8 }),
          background: fc.boolean(),
          leaves: fc.boolean(),
        }),
        { maxLength: 30 },
      ),
      async (places, guests) => {
        const admission = createAdmission(timers().after);
        const gate = { places: () => places, maxWaiting: 100, patienceMs: 1000 };
        let now = 0;
        let served = 0;
        let left = 0;
        await Promise.all(
          guests.map(async ({ user, weight, background, leaves }) => {
            const client = new AbortController();
            const entering = admission.enter('vllm', gate, guest(user, weight, background), client.signal);
            if (leaves) client.abort(new Error('left'));
            try {
              const leave = await entering;
              now++;
              assert.ok(now <= places);
              await new Promise(setImmediate);
              now--;
              served++;
              leave();
              leave();
            } catch {
              left++;
            }
          }),
        );
        assert.equal(served + left, guests.length);
        assert.ok(served >= guests.filter(({ leaves }) => !leaves).length);
        assert.equal(admission.waiting('vllm'), 0);
      },
    ),
    { numRuns: 50 },
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../src/errors.ts';
import { createOtlpTracer } from '../../src/observe/otlp-tracer.ts';
import { startOtlpCollector } from '../support/otlp-collector.ts';

/** Runs `work` with a tracer, and gives what the collector was told of it. */
async function tell(
  work: (tracer: ReturnType<typeof createOtlpTracer>) => Promise<unknown>,
  options: { readonly sampleRatio?: number; readonly status?: number; readonly path?: string } = {},
) {
  const collector = await startOtlpCollector(options.status);
  const exported: string[] = [];
  const tracer = createOtlpTracer({
    url: collector.url + (options.path ?? ''),
    headers: {},
    serviceName: 'under-test',
    version: '1.2.3',
    sampleRatio: options.sampleRatio ?? 1,
    onExport: (outcome, spans) => exported.push(`${outcome} ${spans}`),
  });
  await work(tracer);
  await tracer.close();
  await collector.close();
  const { spans, resources, wire } = collector;
  return { spans, resources, exported, wire: wire() };
}

test('steps within steps are children of each other, also where several run at once', async () => {
  const { spans, resources, exported } = await tell((tracer) =>
    tracer.request('request', {}, () =>
      Promise.all(
        ['a', 'b'].map((name) =>
          tracer.step(name, async () => {
            await Promise.resolve();
            await tracer.step(`in ${name}`, () => Promise.resolve());
          }),
        ),
      ),
    ),
  );
  const idOf = (name: string) => spans.find((span) => span.name === name)?.spanId;
  const parentOf = (name: string) => spans.find((span) => span.name === name)?.parentSpanId;
  assert.equal(spans.length, 5);
  assert.equal(parentOf('request'), '');
  for (const name of ['a', 'b']) {
    assert.equal(parentOf(name), idOf('request'));
    assert.equal(parentOf(`in ${name}`), idOf(name));
  }
  assert.deepEqual(resources[0], { 'service.name': 'under-test', 'service.version': '1.2.3' });
  assert.deepEqual(exported, ['sent 5']);
});

test('a failed step says the word of its error and nothing of its message', async () => {
  const { spans, wire } = await tell((tracer) =>
    tracer.request('request', {}, async () => {
      const refused = () => Promise.reject(new GatewayError('quota_exhausted', 'canary one'));
      const broken = () => Promise.reject(new Error('canary two'));
      await assert.rejects(tracer.step('refused', refused), { message: 'canary one' });
      await assert.rejects(tracer.step('broken', broken), { message: 'canary two' });
    }),
  );
  const facts = spans.map(({ name, status, attributes }) => [name, status, attributes['error.type']]);
  assert.deepEqual(facts, [
    ['refused', 2, 'quota_exhausted'],
    ['broken', 2, '_OTHER'],
    ['request', 0, undefined],
  ]);
  assert.doesNotMatch(wire, /canary/);
});

test('outside of a request steps are run and not told', async () => {
  const { spans } = await tell(async (tracer) => {
    assert.equal(await tracer.step('alone', (span) => Promise.resolve(span.traceId)), null);
    tracer.begin('alone too').end();
  });
  assert.deepEqual(spans, []);
});

test('with a share of 0 nothing is told, but what others began to record', async () => {
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const { spans } = await tell(
    async (tracer) => {
      const ids = await tracer.request('own', {}, (span) => Promise.resolve([span.traceId, span.headers]));
      assert.equal(ids[0], null);
      assert.match(JSON.stringify(ids[1]), /-00"/);
      await tracer.request('theirs', { traceparent }, () => Promise.resolve());
    },
    { sampleRatio: 0 },
  );
  assert.deepEqual(
    spans.map(({ name, traceId }) => [name, traceId]),
    [['theirs', 'a'.repeat(32)]],
  );
});

test('long words of callers are cut', async () => {
  const { spans } = await tell((tracer) =>
    tracer.request('request', {}, async (span) => span.set({ model: 'm'.repeat(10_000), absent: undefined })),
  );
  assert.deepEqual(spans[0]?.attributes, { model: 'm'.repeat(256) });
});

for (const [what, traceparent] of [
  ['of a later version, with more behind it', `01-${'a'.repeat(32)}-${'b'.repeat(16)}-01-more`],
  ['of this version', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`],
] as const) {
  test(`a context ${what} is gone on with`, async () => {
    const { spans } = await tell((tracer) =>
      tracer.request('request', { traceparent }, () => Promise.resolve()),
    );
    assert.equal(spans[0]?.traceId, 'a'.repeat(32));
    assert.equal(spans[0]?.parentSpanId, 'b'.repeat(16));
  });
}

for (const traceparent of [
  '',
  'nonsense',
  `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01-more`,
  `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`,
  `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`,
  `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  `00-${'A'.repeat(32)}-${'b'.repeat(16)}-01`,
]) {
  test(`"${traceparent}" is no context: a new trace begins`, async () => {
    const { spans } = await tell((tracer) =>
      tracer.request('request', { traceparent }, () => Promise.resolve()),
    );
    assert.equal(spans.length, 1);
    assert.equal(spans[0]?.parentSpanId, '');
    assert.doesNotMatch(spans[0]?.traceId ?? '', /^[aA]{32}$/);
  });
}

test('what the collector refuses is counted', async () => {
  const { exported } = await tell((tracer) => tracer.request('request', {}, () => Promise.resolve()), {
    status: 400,
  });
  assert.deepEqual(exported, ['failed 1']);
});

test('the address may name the page for traces itself', async () => {
  const { spans, wire } = await tell((tracer) => tracer.request('request', {}, () => Promise.resolve()), {
    path: '/v1/traces',
  });
  assert.equal(spans.length, 1);
  assert.match(wire, /^POST \/v1\/traces$/m);
});

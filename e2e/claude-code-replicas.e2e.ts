/** The real Claude Code before several replicas of the internal model, one of which dies while it works. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GatewayProcess, startGatewayProcess } from '../test/support/gateway-process.ts';
import {
  type MockBackend,
  type MockReply,
  type MockRequest,
  startMockBackend,
} from '../test/support/mock-backend.ts';
import { answer, type MockAnswer, openaiStream } from '../test/support/mock-replies.ts';
import { runClaudeCode } from './support/claude-code.ts';
import { startCountingProxy } from './support/counting-proxy.ts';
import { requestsUsed } from './support/scene.ts';
import { KEYS, staticKeys } from './support/stage.ts';

const timeout = 120_000;
const CONFIG =
  'backends: { internal: { kind: internal, healthPath: null } }\nlimits: { firstByteSeconds: 2 }\n';
const write = (name: string): MockAnswer => ({
  tools: [{ id: `call_${name}`, name: 'Write', arguments: { file_path: `${name}.txt`, content: name } }],
});

const isReply = (said: MockAnswer | MockReply): said is MockReply =>
  'cut' in said || 'beforeHeaders' in said || 'status' in said;

/** Three replicas that give out the answers of one list, whoever is asked. */
async function withReplicas(
  answers: readonly (MockAnswer | MockReply)[],
  run: (replicas: readonly MockBackend[], gateway: GatewayProcess) => Promise<void>,
  beforeAnswer: (number: number, asked: MockBackend) => void = () => undefined,
): Promise<void> {
  const replicas = await Promise.all(
    [0, 1, 2].map(() => startMockBackend({ dialect: 'openai', models: ['qwen3-32b'], credential: null })),
  );
  let given = 0;
  for (const replica of replicas) {
    const next = (request: MockRequest) => {
      beforeAnswer(given, replica);
      const said = answers[given++];
      assert.ok(said, 'one request more than there are answers');
      return isReply(said) ? said : answer('openai', said)(request);
    };
    replica.reply(...answers.map(() => next));
  }
  const gateway = await startGatewayProcess({
    env: { INTERNAL_LLM_URL: replicas.map(({ v1 }) => v1).join(','), STATIC_KEYS: staticKeys(['free']) },
    configYaml: CONFIG,
  });
  try {
    await run(replicas, gateway);
  } finally {
    await gateway.kill();
    await Promise.all(replicas.map((replica) => replica.close()));
  }
}

const ask = (gateway: Pick<GatewayProcess, 'url'>) =>
  runClaudeCode({
    prompt: 'Write three files',
    baseUrl: gateway.url,
    token: KEYS.free,
    tools: ['Write'],
  });
const counts = (replicas: readonly MockBackend[]) => replicas.map(({ requests }) => requests.length);

test('a session stays with one replica through its whole tool loop', { timeout }, () =>
  withReplicas([write('a'), write('b'), write('c'), { text: 'All written.' }], async (replicas, gateway) => {
    const run = await ask(gateway);
    assert.equal(run.result, 'All written.', run.stdout);
    assert.deepEqual(counts(replicas).toSorted(), [0, 0, 4]);
  }),
);

test('a replica that dies in the tool loop is made up for by another, and the person sees nothing of it', {
  timeout,
}, () => {
  let dead: MockBackend | null = null;
  const kill = (number: number, asked: MockBackend) => {
    if (number !== 2 || dead !== null) return;
    dead = asked;
    void asked.close();
    throw new Error('the replica is gone');
  };
  return withReplicas(
    [write('a'), write('b'), write('c'), { text: 'All written.' }],
    async (replicas, gateway) => {
      const run = await ask(gateway);
      assert.equal(run.result, 'All written.', run.stdout);
      assert.equal(run.isError, false);
      assert.deepEqual(
        counts(replicas).toSorted(),
        [0, 2, 3],
        'the third request is the one that was tried twice',
      );
      assert.match(
        gateway.stderr(),
        /"failures":\[\{"backend":"internal","model":"qwen3-32b","replica":\d,"code":"backend_truncated"\}\]/,
      );
    },
    kill,
  );
});

const TEXT = 'One two three four five six.';
const { stream } = openaiStream({ text: TEXT });

/** How the replica that is asked first dies; the others answer "Again.". */
const DEATHS: readonly {
  readonly phase: string;
  readonly dying: MockReply;
  /** Statuses that Claude Code was answered with: one is a death that it knows nothing of. */
  readonly statuses: readonly number[];
}[] = [
  { phase: 'before its headers', dying: { beforeHeaders: 'reset' }, statuses: [200] },
  { phase: 'by silence before its headers', dying: { beforeHeaders: 'stall' }, statuses: [200] },
  { phase: 'with 503', dying: { status: 503, body: '{"error":{"message":"starting"}}' }, statuses: [200] },
  { phase: 'before content', dying: { stream, cut: { afterFrames: 1, by: 'hang-up' } }, statuses: [200] },
  { phase: 'inside text', dying: { stream, cut: { afterFrames: 3, by: 'hang-up' } }, statuses: [200, 200] },
];

for (const { phase, dying, statuses } of DEATHS) {
  test(
    `a replica that dies ${phase}: ${statuses.length} of Claude Code’s requests, two upstream, and the person sees the answer`,
    {
      timeout,
    },
    () =>
      withReplicas([dying, { text: 'Again.' }], async (replicas, gateway) => {
        const proxy = await startCountingProxy(gateway.url);
        try {
          const run = await ask({ url: proxy.url });
          assert.equal(run.result, 'Again.', run.stdout);
          assert.deepEqual(
            proxy.seen.filter(({ path }) => path.startsWith('/v1/messages')).map(({ status }) => status),
            statuses,
          );
          assert.equal(
            counts(replicas).reduce((sum, count) => sum + count),
            2,
          );
          if (statuses.length === 1) assert.deepEqual(counts(replicas).toSorted(), [0, 1, 1]);
          assert.equal(await requestsUsed(gateway.url, KEYS.free), 1);
        } finally {
          await proxy.close();
        }
      }),
  );
}

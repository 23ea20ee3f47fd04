/** The real Claude Code before several replicas of the internal model, one of which dies while it works. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GatewayProcess, startGatewayProcess } from '../test/support/gateway-process.ts';
import { type MockBackend, type MockRequest, startMockBackend } from '../test/support/mock-backend.ts';
import { answer, type MockAnswer } from '../test/support/mock-replies.ts';
import { runClaudeCode } from './support/claude-code.ts';
import { KEYS, staticKeys } from './support/stage.ts';

const timeout = 120_000;
const CONFIG = 'backends: { internal: { kind: internal, healthPath: null } }\n';
const write = (name: string): MockAnswer => ({
  tools: [{ id: `call_${name}`, name: 'Write', arguments: { file_path: `${name}.txt`, content: name } }],
});

/** Three replicas that give out the answers of one list, whoever is asked. */
async function withReplicas(
  answers: readonly MockAnswer[],
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
      return answer('openai', said)(request);
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

const ask = (gateway: GatewayProcess) =>
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

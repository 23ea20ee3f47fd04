import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Finding } from '../../../src/cli/doctor/finding.ts';
import { startFakeIssuer } from '../../support/fake-issuer.ts';
import { startGatewayProcess } from '../../support/gateway-process.ts';
import { skipBecause } from '../../support/skip.ts';
import { findValkey, startValkey } from '../../support/valkey-server.ts';

const program = join(import.meta.dirname, '../../../bin/llm-gateway.js');

interface Installation {
  readonly env?: Readonly<Record<string, string>>;
  readonly yaml?: string;
  readonly claudeSettings?: string;
  readonly codexConfig?: string;
  readonly args?: readonly string[];
}

interface Diagnosis {
  readonly code: number;
  readonly findings: readonly Finding[];
  readonly output: string;
}

/** Runs the doctor in a home of its own, with nothing of the test's environment. */
async function diagnose(t: TestContext, installation: Installation): Promise<Diagnosis> {
  const home = mkdtempSync(join(tmpdir(), 'llm-gateway-doctor-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const write = (folder: string, file: string, text: string | undefined) => {
    if (text === undefined) return;
    mkdirSync(join(home, folder), { recursive: true });
    writeFileSync(join(home, folder, file), text);
  };
  write('.claude', 'settings.json', installation.claudeSettings);
  write('.codex', 'config.toml', installation.codexConfig);
  write('.', 'gateway.yaml', installation.yaml);
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    GATEWAY_DATA_DIR: join(home, 'data'),
    ...(installation.yaml !== undefined && { GATEWAY_CONFIG: join(home, 'gateway.yaml') }),
    ...installation.env,
  };
  return await new Promise((resolve) => {
    const args = [program, 'doctor', '--json', ...(installation.args ?? [])];
    execFile(process.execPath, args, { env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({
        code: error === null ? 0 : Number(error.code),
        findings: stdout === '' ? [] : (JSON.parse(stdout) as Finding[]),
        output: stdout + stderr,
      }),
    );
  });
}

/** A server that answers as it is told; its address. */
async function serve(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface ModelServer {
  readonly window?: number | null;
  readonly tools?: boolean;
  readonly usage?: boolean;
  readonly streams?: boolean;
  readonly models?: readonly string[];
}

/** The little of a model server that the doctor asks for, each part of which can be missing. */
function modelServer({
  window = 40_960,
  tools = true,
  usage = true,
  streams = true,
  models = ['qwen'],
}: ModelServer) {
  return (async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const send = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.url === '/v1/models') {
      send(200, {
        data: models.map((id) => ({ id, ...(window === null ? {} : { max_model_len: window }) })),
      });
      return;
    }
    const body = JSON.parse(Buffer.concat(chunks).toString()) as { stream?: boolean; tools?: unknown };
    const call = {
      id: 'call_1',
      type: 'function',
      function: { name: 'report', arguments: '{"word":"hello"}' },
    };
    if (body.stream === true && streams) {
      const chunk = {
        choices: [{ delta: { content: 'hello' } }],
        ...(usage && { usage: { prompt_tokens: 1 } }),
      };
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`);
    } else if (body.stream === true) send(400, { error: { message: 'streaming is off' } });
    else if (body.tools !== undefined && !tools) send(400, { error: { message: 'no tool parser' } });
    else
      send(200, {
        choices: [{ message: body.tools === undefined ? { content: 'hello' } : { tool_calls: [call] } }],
      });
  }) as RequestListener;
}

const said = (findings: readonly Finding[], severity: Finding['severity']) =>
  findings
    .filter((finding) => finding.severity === severity)
    .map(({ check, message }) => `${check}: ${message}`);

const keyed = { env: { ANTHROPIC_AUTH_TOKEN: 'gwk_x', ANTHROPIC_BASE_URL: 'http://127.0.0.1:8000' } };
const wellSettings = JSON.stringify(keyed);

test('a sound installation is well, and the exit status is 0 even when strict', async (t) => {
  const url = await serve(t, modelServer({}));
  const { code, findings, output } = await diagnose(t, {
    env: { INTERNAL_LLM_URL: url },
    claudeSettings: wellSettings,
    args: ['--strict'],
  });
  assert.equal(code, 0, output);
  assert.deepEqual([...said(findings, 'warning'), ...said(findings, 'problem')], []);
  assert.ok(said(findings, 'ok').some((text) => text.includes('qwen answers')));
});

interface Row extends Omit<Installation, 'env'> {
  readonly name: string;
  readonly server?: RequestListener;
  readonly env?: Readonly<Record<string, string>>;
  readonly severity: Finding['severity'];
  readonly expected: RegExp;
}

const html: RequestListener = (_, response) => {
  response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>');
};
const status = (code: number, headers: Readonly<Record<string, string>> = {}): RequestListener => {
  return (_, response) => {
    response.writeHead(code, headers).end('{}');
  };
};
const late: RequestListener = (request, response) => {
  response.setHeader('date', new Date(Date.now() - 120_000).toUTCString());
  return modelServer({})(request, response);
};

const claude = (env: Readonly<Record<string, string>>, more: object = {}) => JSON.stringify({ env, ...more });

const ROWS: readonly Row[] = [
  {
    name: 'two wrong options',
    env: { PORT: 'x', QUOTA_REDIS_URL: 'http://a' },
    severity: 'problem',
    expected: /configuration: PORT: /,
  },
  { name: 'an unknown option', yaml: 'quotas: {}', severity: 'problem', expected: /configuration: .*quotas/ },
  { name: 'no backend', severity: 'warning', expected: /backend: none is configured/ },
  {
    name: 'a backend that refuses connections',
    env: { INTERNAL_LLM_URL: 'http://127.0.0.1:9' },
    severity: 'problem',
    expected: /backend: internal at .*: it does not answer/,
  },
  {
    name: 'a web page in place of an API',
    server: html,
    severity: 'problem',
    expected: /it answers with a web page/,
  },
  {
    name: 'a redirect',
    server: status(302, { location: 'http://127.0.0.1:9/' }),
    severity: 'problem',
    expected: /it redirects \(status 302\)/,
  },
  { name: 'a wrong key', server: status(401), severity: 'problem', expected: /it refuses the key/ },
  {
    name: 'a backend that fails',
    server: status(503),
    severity: 'problem',
    expected: /it fails \(status 503\)/,
  },
  {
    name: 'no model at all',
    server: modelServer({ models: [] }),
    severity: 'problem',
    expected: /it lists no model/,
  },
  {
    name: 'a model that is not listed',
    server: modelServer({}),
    env: { INTERNAL_LLM_MODEL: 'llama' },
    severity: 'warning',
    expected: /"llama" is not in its list/,
  },
  {
    name: 'no tool parser',
    server: modelServer({ tools: false }),
    severity: 'problem',
    expected: /it does not call tools/,
  },
  {
    name: 'no streams',
    server: modelServer({ streams: false }),
    severity: 'problem',
    expected: /it does not stream/,
  },
  {
    name: 'streams without usage',
    server: modelServer({ usage: false }),
    severity: 'warning',
    expected: /its streams say no usage/,
  },
  {
    name: 'a short context',
    server: modelServer({ window: 8192 }),
    severity: 'warning',
    expected: /8192 tokens is too small/,
  },
  {
    name: 'an unknown context',
    server: modelServer({ window: null }),
    severity: 'warning',
    expected: /does not say how long its context is/,
  },
  {
    name: 'a clock two minutes ahead',
    server: late,
    severity: 'problem',
    expected: /clock: this clock is 1\d\d s ahead/,
  },
  {
    name: 'a quota store that is away',
    env: { QUOTA_REDIS_URL: 'redis://:hidden-password@127.0.0.1:9' },
    severity: 'problem',
    expected: /quota store: .*does not answer/,
  },
  {
    name: 'a realm that is away',
    env: { AUTH_PROVIDER: 'keycloak', KEYCLOAK_URL: 'http://127.0.0.1:9/realms/a' },
    severity: 'problem',
    expected: /keycloak: .* gives no discovery document/,
  },
  {
    name: 'settings that are not JSON',
    claudeSettings: '{',
    severity: 'problem',
    expected: /claude code: its settings\.json is not JSON/,
  },
  { name: 'Claude Code without a gateway', severity: 'warning', expected: /claude code: is not set up/ },
  {
    name: 'a credential without an address',
    claudeSettings: claude({ ANTHROPIC_AUTH_TOKEN: 'gwk_x' }),
    severity: 'problem',
    expected: /no ANTHROPIC_BASE_URL/,
  },
  {
    name: 'an address that ends in /v1',
    claudeSettings: claude({ ...keyed.env, ANTHROPIC_BASE_URL: 'http://a/v1' }),
    severity: 'warning',
    expected: /ends in \/v1/,
  },
  {
    name: 'two credentials',
    claudeSettings: claude({ ...keyed.env, ANTHROPIC_API_KEY: 'gwk_y' }),
    severity: 'warning',
    expected: /both set and differ/,
  },
  {
    name: 'a key of Anthropic’s own',
    claudeSettings: claude({ ...keyed.env, ANTHROPIC_AUTH_TOKEN: 'sk-ant-api03-secret' }),
    severity: 'problem',
    expected: /one of Anthropic’s own/,
  },
  {
    name: 'Bedrock switched on',
    claudeSettings: claude({ ...keyed.env, CLAUDE_CODE_USE_BEDROCK: '1' }),
    severity: 'problem',
    expected: /CLAUDE_CODE_USE_BEDROCK is set/,
  },
  {
    name: 'a helper that fails',
    claudeSettings: claude({ ANTHROPIC_BASE_URL: 'http://a' }, { apiKeyHelper: 'exit 3' }),
    severity: 'problem',
    expected: /apiKeyHelper fails: exit status 3/,
  },
  {
    name: 'a helper that prints nothing',
    claudeSettings: claude({ ANTHROPIC_BASE_URL: 'http://a' }, { apiKeyHelper: 'true' }),
    severity: 'problem',
    expected: /prints something that is no token/,
  },
  {
    name: 'Codex at OpenAI',
    codexConfig: 'model = "gpt"',
    severity: 'warning',
    expected: /codex: asks OpenAI/,
  },
  {
    name: 'Codex with a provider it lacks',
    codexConfig: 'model_provider = "acme"',
    severity: 'problem',
    expected: /does not describe it/,
  },
  {
    name: 'Codex speaking chat',
    codexConfig: 'model_provider = "a"\n[model_providers.a]\nbase_url = "http://a/v1"\nwire_api = "chat"',
    severity: 'problem',
    expected: /wire_api is "chat"/,
  },
  {
    name: 'Codex with a provider named OpenAI',
    codexConfig: 'model_provider = "a"\n[model_providers.a]\nname = "OpenAI"\nbase_url = "http://a/v1"',
    severity: 'problem',
    expected: /named "OpenAI"/,
  },
  {
    name: 'Codex without /v1',
    codexConfig: 'model_provider = "a"\n[model_providers.a]\nbase_url = "http://a"',
    severity: 'problem',
    expected: /does not end in \/v1/,
  },
];

for (const { name, server, severity, expected, env, ...installation } of ROWS) {
  test(`it finds ${name}`, async (t) => {
    const url = server === undefined ? {} : { INTERNAL_LLM_URL: await serve(t, server) };
    const { code, findings, output } = await diagnose(t, { ...installation, env: { ...url, ...env } });
    const texts = said(findings, severity);
    assert.ok(
      texts.some((text) => expected.test(text)),
      output,
    );
    assert.equal(code, findings.some((finding) => finding.severity === 'problem') ? 2 : 0);
    assert.ok(findings.every(({ severity, remedy }) => severity === 'ok' || (remedy ?? '').length > 10));
    assert.doesNotMatch(output, /hidden-password|sk-ant-api03-secret|gwk_/);
  });
}

test('warnings are problems to who is strict', async (t) => {
  assert.equal((await diagnose(t, {})).code, 0);
  assert.equal((await diagnose(t, { args: ['--strict'] })).code, 2);
});

const store = findValkey();
test('it finds a quota store that evicts and one that keeps nothing', {
  skip: store === null ? skipBecause('no valkey-server or redis-server') : false,
}, async (t) => {
  assert.ok(store !== null);
  const args = ['--appendonly', 'no', '--save', '', '--maxmemory-policy', 'allkeys-lru'];
  await using server = await startValkey(store, args);
  const { findings } = await diagnose(t, { env: { QUOTA_REDIS_URL: server.url } });
  const texts = said(findings, 'warning').join('\n');
  assert.match(texts, /may evict counts/);
  assert.match(texts, /keeps nothing on disk/);
  assert.ok(said(findings, 'ok').some((text) => text.startsWith('quota store: answers')));
});

test('a sample token is accepted, and one for somebody else refused', async (t) => {
  const issuer = await startFakeIssuer();
  t.after(() => issuer.close());
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-token-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'token');
  const env = { AUTH_PROVIDER: 'keycloak', KEYCLOAK_URL: issuer.issuer };
  const check = async (token: string) => {
    writeFileSync(file, token);
    const { findings, output } = await diagnose(t, { env, args: ['--token-file', file] });
    assert.ok(!output.includes(token));
    return findings.find(({ check }) => check === 'token');
  };
  assert.equal((await check(await issuer.sign({})))?.severity, 'ok');
  const foreign = await check(await issuer.sign({ aud: 'somebody-else' }));
  assert.equal(foreign?.severity, 'problem');
  assert.match(foreign?.remedy ?? '', /aud must hold "llm-gateway"/);
  assert.equal((await check('not-a-token'))?.message, 'the sample is no JWT');
});

test('a running gateway is asked in place of the configuration', async (t) => {
  const gateway = await startGatewayProcess();
  t.after(() => gateway.stop('SIGKILL'));
  const well = await diagnose(t, { args: ['--url', gateway.url] });
  assert.match(said(well.findings, 'ok').join('\n'), /is well/);
  const gone = await diagnose(t, { args: ['--url', 'http://127.0.0.1:9'] });
  assert.equal(gone.code, 2);
  assert.match(said(gone.findings, 'problem').join('\n'), /no gateway that answers/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { type ConfigProblem, loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';

function load(env: Record<string, string>, files: Record<string, string> = {}) {
  return loadConfig({
    env,
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return text;
    },
  });
}

function accepted(env: Record<string, string>, yaml?: string): Config {
  const loaded =
    yaml === undefined ? load(env) : load({ ...env, GATEWAY_CONFIG: 'g.yaml' }, { 'g.yaml': yaml });
  assert.ok(loaded.ok, inspect(loaded));
  return loaded.config;
}

function problems(env: Record<string, string>, yaml?: string): readonly ConfigProblem[] {
  const loaded =
    yaml === undefined ? load(env) : load({ ...env, GATEWAY_CONFIG: 'g.yaml' }, { 'g.yaml': yaml });
  assert.ok(!loaded.ok, 'was accepted');
  return loaded.problems;
}

test('nothing set gives the documented defaults and no backend', () => {
  const config = accepted({});
  assert.equal(config.server.port, 8000);
  assert.equal(config.server.metricsPort, 9464);
  assert.equal(config.auth.provider, 'static');
  assert.deepEqual(config.backends, {});
  assert.deepEqual(
    Object.entries(config.tiers).map(([name, { requestsPerDay }]) => [name, requestsPerDay]),
    [
      ['free', 10],
      ['pro', 1000],
      ['enterprise', null],
    ],
  );
});

test('the seeds’ variables make the production gateway', () => {
  const config = accepted({
    INTERNAL_LLM_URL: 'http://vllm.ai-hub.svc:8000/v1',
    CLAUDE_API_KEY: 'ck',
    OPENAI_API_KEY: 'ok',
    QUOTA_REDIS_URL: 'redis://valkey.ai-hub.svc:6379',
    AUTH_PROVIDER: 'keycloak',
    KEYCLOAK_URL: 'https://keycloak.example/realms/acme',
  });
  assert.deepEqual(config.backends.internal?.url, ['http://vllm.ai-hub.svc:8000']);
  assert.deepEqual(config.backends.claude?.url, ['https://api.anthropic.com']);
  assert.deepEqual(config.backends.openai?.url, ['https://api.openai.com']);
  assert.equal(config.backends.claude?.apiKey?.reveal(), 'ck');
  assert.equal(config.quota.redisUrl?.reveal(), 'redis://valkey.ai-hub.svc:6379');
  assert.equal(config.auth.keycloak.url, 'https://keycloak.example/realms/acme');
});

test('several replicas come separated by commas', () => {
  const config = accepted({ INTERNAL_LLM_URL: 'http://a/v1, http://b/openai/v1/' });
  assert.deepEqual(config.backends.internal?.url, ['http://a', 'http://b/openai']);
});

test('static keys are read from one variable, keys of any shape', () => {
  const config = accepted({ STATIC_KEYS: 'sk-a==x=alice:free,\nk2=bob smith:pro' });
  assert.deepEqual(
    config.auth.static.keys?.map(({ key, user, tier }) => [key.reveal(), user, tier]),
    [
      ['sk-a==x', 'alice', 'free'],
      ['k2', 'bob smith', 'pro'],
    ],
  );
});

test('a secret may come as a file', () => {
  const loaded = load(
    { CLAUDE_API_KEY_FILE: '/run/secrets/claude' },
    { '/run/secrets/claude': 'from-file\n' },
  );
  assert.ok(loaded.ok);
  assert.equal(loaded.config.backends.claude?.apiKey?.reveal(), 'from-file');
});

test('an empty variable counts as not set', () => {
  assert.deepEqual(accepted({ CLAUDE_API_KEY: '', INTERNAL_LLM_URL: '' }).backends, {});
});

test('the environment wins over the file, what it merely implies does not', () => {
  const yaml =
    'server: { port: 1234, host: 127.0.0.1 }\nbackends: { claude: { kind: claude, url: "http://proxy" } }\n';
  const config = accepted({ PORT: '4321', CLAUDE_API_KEY: 'k' }, yaml);
  assert.equal(config.server.port, 4321);
  assert.equal(config.server.host, '127.0.0.1');
  assert.deepEqual(config.backends.claude?.url, ['http://proxy']);
});

test('a plan in the file replaces the default one', () => {
  const config = accepted(
    {},
    'tiers: { staff: { rank: 1, requestsPerDay: 5, routes: [{ match: "*", to: internal }] } }\nauth: { keycloak: { defaultTier: staff } }',
  );
  assert.deepEqual(Object.keys(config.tiers), ['staff']);
  assert.deepEqual(config.tiers.staff?.routes, [
    { match: '*', to: [{ backend: 'internal', model: undefined }] },
  ]);
});

test('every problem is reported at once, each naming its key', () => {
  const found = problems(
    {
      PORT: 'eight',
      INTERNAL_LLM_URL: 'ftp://x',
      AUTH_PROVIDER: 'keycloak',
      STATIC_KEYS: 'nonsense',
      CLAUDE_API_KEY_FILE: '/missing',
    },
    'serverr: {}\nserver: { prot: 1 }\nbackends: { own: { kind: magic } }\nquota: { timeZone: Mars/Olympus }\n' +
      'tiers: { basic: { rank: 1, requestsPerDay: 1, routes: [{ match: x, to: intrnal }] } }\n',
  );
  const byKey = new Map(found.map(({ key, message }) => [key, message]));
  for (const key of [
    'PORT',
    'INTERNAL_LLM_URL',
    'STATIC_KEYS',
    'CLAUDE_API_KEY_FILE',
    'KEYCLOAK_URL',
    'serverr',
    'server.prot',
    'backends.own.kind',
    'backends.own.url',
    'quota.timeZone',
    'tiers.basic.routes.0.to',
  ]) {
    assert.ok(byKey.has(key), `no problem names ${key}: ${inspect(found)}`);
  }
  assert.match(byKey.get('serverr') ?? '', /"server"/);
  assert.match(byKey.get('server.prot') ?? '', /"port"/);
  assert.match(byKey.get('tiers.basic.routes.0.to') ?? '', /"internal"/);
});

const realms = (...urls: string[]) =>
  `auth: { provider: keycloak, keycloak: { realms: [${urls.map((url) => `{ url: "${url}" }`).join(', ')}] } }`;

test('further realms stand beside the one of KEYCLOAK_URL or without it', () => {
  const yaml = realms('https://kc.example/realms/b/', 'https://kc.example/realms/c');
  for (const env of [{}, { KEYCLOAK_URL: 'https://kc.example/realms/a' }]) {
    const { keycloak } = accepted(env, yaml).auth;
    assert.deepEqual(
      keycloak.realms.map(({ url }) => url),
      ['https://kc.example/realms/b', 'https://kc.example/realms/c'],
    );
  }
});

test('a realm that is named twice, or without its address, is a problem of that entry', () => {
  const url = 'https://kc.example/realms/a';
  const keys = (yaml: string, env = {}) => problems(env, yaml).map(({ key }) => key);
  assert.deepEqual(keys(realms(url, `${url}/`)), ['auth.keycloak.realms.1.url']);
  assert.deepEqual(keys(realms(url), { KEYCLOAK_URL: url }), ['auth.keycloak.realms.0.url']);
  assert.deepEqual(keys(`auth: { keycloak: { realms: [{ audience: x }] } }`), ['auth.keycloak.realms.0.url']);
});

test('a missing file, broken YAML and a file that is no mapping are named', () => {
  const missing = load({ GATEWAY_CONFIG: 'nowhere.yaml' });
  assert.ok(!missing.ok);
  assert.match(missing.problems[0]?.message ?? '', /ENOENT/);
  assert.match(problems({}, 'a: [1\nb: }')[0]?.message ?? '', /not valid YAML at line/);
  assert.match(problems({}, '- a\n- b')[0]?.message ?? '', /mapping/);
});

test('an empty file is an empty configuration', () => {
  assert.equal(accepted({}, '# nothing yet\n').server.port, 8000);
});

test('a secret given twice is a contradiction', () => {
  const loaded = load({ OPENAI_API_KEY: 'a', OPENAI_API_KEY_FILE: '/f' }, { '/f': 'b' });
  assert.ok(!loaded.ok);
  assert.deepEqual(loaded.problems, [
    { key: 'OPENAI_API_KEY_FILE', message: 'set either OPENAI_API_KEY or OPENAI_API_KEY_FILE, not both' },
  ]);
});

for (const [where, yaml, key] of [
  ['the operators’ token', 'admin: { token: "" }', 'admin.token'],
  [
    'the secret of the realm’s service',
    'auth: { provider: keycloak, keycloak: { url: "https://kc.example/realms/a", service: { clientSecret: "" } } }',
    'auth.keycloak.service.clientSecret',
  ],
  [
    'a static key',
    'auth: { static: { keys: [{ key: "", user: ada, tier: free }] } }',
    'auth.static.keys.0.key',
  ],
] as const) {
  test(`an empty secret stops the start: ${where}`, () => {
    const [problem] = problems({}, yaml);
    assert.ok(problem?.key.startsWith(key), JSON.stringify(problem));
  });
}

test('a key without its address is missing the address', () => {
  assert.deepEqual(problems({ AXON_API_KEY: 'k' }), [{ key: 'AXON_URL', message: 'is required' }]);
});

test('a static key of a tier that does not exist is refused', () => {
  assert.deepEqual(problems({ STATIC_KEYS: 'secret-key=alice:gold' }), [
    { key: 'STATIC_KEYS', message: '"gold" is not a tier; the tiers are free, pro, enterprise' },
  ]);
});

test('addresses with credentials in them are refused', () => {
  const [problem] = problems({ INTERNAL_LLM_URL: 'http://user:canary@host/' });
  assert.equal(problem?.key, 'INTERNAL_LLM_URL');
  assert.doesNotMatch(problem?.message ?? '', /canary/);
});

test('no secret shows in a printed configuration or in a complaint', () => {
  const env = {
    CLAUDE_API_KEY: 'canary-1',
    STATIC_KEYS: 'canary-2=a:free',
    QUOTA_REDIS_URL: 'redis://:canary-3@host',
    INTERNAL_LLM_URL: 'http://x',
    INTERNAL_LLM_API_KEY: 'canary-4',
  };
  const config = accepted(env);
  assert.doesNotMatch(`${inspect(config, { depth: 9 })}${JSON.stringify(config)}${String(config)}`, /canary/);
  const complaints = problems({ ...env, STATIC_KEYS: 'canary-5', PORT: 'x' });
  assert.doesNotMatch(inspect(complaints), /canary/);
});

test('proxies are addresses or ranges of either family, and nothing else', () => {
  const listed = (...ranges: readonly string[]) => `server: { trustedProxies: ${JSON.stringify(ranges)} }\n`;
  const good = ['10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', 'fd00::/8', '::1', '::1/128'];
  assert.deepEqual(accepted({}, listed(...good)).server.trustedProxies, good);
  for (const bad of [
    'proxy',
    '10.0.0.0/33',
    '10.0.0/8',
    '::1/129',
    '10.0.0.1/',
    '10.0.0.1/-1',
    '1.1.1.1, 2.2.2.2',
  ])
    assert.deepEqual(problems({}, listed(bad)), [
      { key: 'server.trustedProxies.0', message: 'expected an IP address or a range such as 10.0.0.0/8' },
    ]);
});

const withLogins = (url: string, kind = 'claude') =>
  `backends: { claude: { kind: ${kind}, url: ${url} }, internal: { kind: internal, url: "http://vllm:8000" } }\n` +
  'tiers: { pro: { rank: 0, requestsPerDay: 1, routes: [{ match: gpt, to: internal }, ' +
  '{ match: claude, to: [claude, internal/default], passthrough: own-credential }] } }\n';

test('callers’ own logins are not sent in the clear: such a route is refused', () => {
  for (const url of ['"http://claude.example"', '["https://api.anthropic.com", "http://10.0.0.7:8080"]'])
    assert.deepEqual(problems({}, withLogins(url)), [
      {
        key: 'tiers.pro.routes.1.passthrough',
        message: 'would send callers\' own logins in the clear: "claude" needs an https:// address',
      },
    ]);
  for (const url of ['"https://api.anthropic.com"', '"http://127.0.0.1:8080"', '"http://[::1]"'])
    accepted({}, withLogins(url));
  // To anything but Claude they are never sent.
  accepted({}, withLogins('"http://vllm:8000"', 'internal'));
  accepted({}, withLogins('"http://claude.example"').replace(', passthrough: own-credential', ''));
});

test('a variable that makes the address of such a route plain is refused as well', () => {
  const found = problems({ CLAUDE_BASE_URL: 'http://proxy.corp' }, withLogins('"https://api.anthropic.com"'));
  assert.deepEqual(
    found.map(({ key }) => key),
    ['tiers.pro.routes.1.passthrough'],
  );
});

/**
 * Every option of the configuration file: what it does, its unit, its default and its consequence. The texts are
 * the reference (`docs/configuration.md` is generated from them), so they are written for the person who sets them.
 */
import { z } from 'zod';
import { PROFILES, type ProfileName } from '../protocol/profile.ts';
import { DEFAULT_TIER_RULES, DEFAULT_TIERS } from './default-plan.ts';
import { type Secret, toSecret } from './secret.ts';

const secret = z
  .string()
  .min(1)
  .transform((value): Secret => toSecret(value));

const httpUrl = z.string().refine(isHttpUrl, {
  error: 'expected an http:// or https:// address without credentials, query or fragment',
});

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const bare = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  return bare && (url.protocol === 'http:' || url.protocol === 'https:');
}

/** One address or several separated by commas, or a list; trailing slashes and a final `/v1` are dropped. */
const urlList = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (typeof value === 'string' ? value.split(',') : value).map((url) => url.trim()))
  .pipe(z.array(httpUrl).min(1))
  .transform((urls) => urls.map((url) => url.replace(/\/+$/, '').replace(/\/v1$/, '')));

const seconds = (fallback: number, text: string) =>
  z.number().positive().max(86_400).default(fallback).describe(`${text} Seconds.`);

const port = z.number().int().min(0).max(65_535);

const server = z.strictObject({
  port: port.default(8000).describe('Port of the gateway. 0 takes a free one.'),
  host: z.string().min(1).default('0.0.0.0').describe('Address to listen on.'),
  metricsPort: port
    .default(9464)
    .describe('Port of `GET /metrics`. Equal to `port`: served there. 0 takes a free one.'),
  drainDelaySeconds: z
    .number()
    .min(0)
    .max(600)
    .default(5)
    .describe(
      'After SIGTERM the gateway says "not ready" and goes on accepting for this long, so that load balancers ' +
        'notice. Seconds.',
    ),
  drainSeconds: seconds(300, 'Longest time that open answers may take to finish after SIGTERM.'),
});

const profile = z
  .strictObject({
    base: z
      .enum(Object.keys(PROFILES) as [ProfileName, ...ProfileName[]])
      .describe('Profile to start from, where it is not that of the kind.'),
    systemRole: z.enum(['system', 'developer']),
    midSystem: z.enum(['system', 'user']),
    mergeSameRole: z.boolean(),
    maxTokensField: z.enum(['max_tokens', 'max_completion_tokens']),
    maxContext: z.number().int().positive().nullable(),
    reasoningField: z.enum(['reasoning', 'reasoning_content']).nullable(),
    reasoningReplay: z.enum(['current-loop', 'tool-turns']),
    reasoningToggle: z.enum(['chat-template', 'reasoning-effort', 'none']),
    efforts: z.array(z.string()),
    effortWithTools: z.boolean(),
    thinkTags: z.boolean(),
    toolIdFormat: z.enum(['any', 'openai', 'mistral', 'kimi']),
    vision: z.boolean(),
    pdf: z.boolean(),
    stopMax: z.number().int().positive(),
    topK: z.boolean(),
    userField: z.enum(['user', 'safety_identifier']).nullable(),
    tokenizePath: z.string().startsWith('/').nullable(),
    streamUsage: z.boolean(),
    emptyAssistantContent: z.literal('').nullable(),
    continuesPrefill: z.boolean(),
  })
  .partial();

const backend = z.strictObject({
  kind: z
    .enum(['internal', 'claude', 'openai', 'axon'])
    .describe('What stands behind the address: decides wire format, credentials and profile.'),
  url: urlList.describe(
    'Base address, with or without `/v1`; several replicas of the same models as a list or separated by commas.',
  ),
  apiKey: secret.optional().describe('Key sent to the backend. Without it no credential is sent.'),
  model: z
    .string()
    .min(1)
    .optional()
    .describe('Model that routes to `default` ask for. Without it: the first of the backend’s `/v1/models`.'),
  models: z
    .array(z.string().min(1))
    .optional()
    .describe('Models it serves. Without it they are read from its `/v1/models`.'),
  format: z
    .enum(['anthropic', 'openai'])
    .optional()
    .describe(
      'Wire format, where it differs from that of the kind (vLLM’s own `/v1/messages`, for example).',
    ),
  maxOutputTokens: z
    .number()
    .int()
    .positive()
    .default(8192)
    .describe('`max_tokens` sent to an Anthropic-format backend when an OpenAI client names none. Tokens.'),
  contextWindow: z
    .number()
    .int()
    .positive()
    .optional()
    .describe(
      'Tokens its model takes, prompt and answer together. Requests to an OpenAI-format backend are fitted into it. ' +
        'Without it: as the backend’s `/v1/models` says, else `profile.maxContext`.',
    ),
  profile: profile
    .optional()
    .describe('Single fields of the kind’s profile to change, where a vendor differs from its kind.'),
});

const target = z.union([
  z
    .string()
    .min(1)
    .transform((text) => {
      const slash = text.indexOf('/');
      return slash < 0
        ? { backend: text, model: undefined }
        : { backend: text.slice(0, slash), model: text.slice(slash + 1) };
    }),
  z.strictObject({ backend: z.string().min(1), model: z.string().min(1).optional() }),
]);

const route = z.strictObject({
  match: z
    .string()
    .min(1)
    .describe(
      'Asked model: `claude`, `claude:haiku` (or another family), `gpt`, `models-of:<backend>`, ' +
        '`<backend>/*`, or a name in which `*` stands for any characters.',
    ),
  to: z
    .union([target.transform((one) => [one]), z.array(target).min(1)])
    .describe(
      'Targets in order of preference; the first whose backend is configured is used. `internal` passes the asked ' +
        'name, `internal/default` asks for the backend’s own model, `claude/claude-haiku-5-5` for exactly that one.',
    ),
});

const tier = z.strictObject({
  rank: z.number().int().describe('Of several tiers that a user qualifies for, the highest rank counts.'),
  requestsPerDay: z
    .number()
    .int()
    .min(0)
    .nullable()
    .describe('Requests a day in `quota.timeZone`; null is unlimited.'),
  routes: z
    .array(route)
    .describe('First match decides. A model that no rule matches is refused: nothing passes by default.'),
});

const tierRule = z.strictObject({
  claim: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .describe('Where the token says it: a dotted path, or a list of segments where a name has dots in it.'),
  values: z.record(z.string(), z.string()).describe('Value found there, and the tier it stands for.'),
});

const issuerUrl = httpUrl.transform((url) => url.replace(/\/+$/, ''));

const realm = z.strictObject({
  url: issuerUrl.describe('Issuer address of this realm, exactly as its tokens say it in `iss`.'),
  audience: z
    .string()
    .min(1)
    .optional()
    .describe('What its tokens must be meant for. Without it: `auth.keycloak.audience`.'),
  jwksUri: httpUrl.optional().describe('Where its keys are, if not where its discovery document says.'),
});

const keycloak = z.strictObject({
  url: issuerUrl.optional().describe('Issuer address of the realm, exactly as its tokens say it in `iss`.'),
  audience: z.string().min(1).default('llm-gateway').describe('What tokens must be meant for (`aud`).'),
  jwksUri: httpUrl
    .optional()
    .describe('Where the realm’s keys are, if not where its discovery document says (in-cluster addresses).'),
  realms: z
    .array(realm)
    .default([])
    .describe(
      'Further realms, one per organisation, beside `url` or in its place. The rules for tiers hold for all, so ' +
        'whoever administers one of them grants tiers. A person counts once per realm.',
    ),
  algorithms: z
    .array(z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']))
    .min(1)
    .default(['RS256', 'PS256', 'ES256', 'EdDSA'])
    .describe('Signature algorithms that are accepted.'),
  clockSkewSeconds: z.number().min(0).max(300).default(30).describe('Tolerated clock difference. Seconds.'),
  tiers: z
    .array(tierRule)
    .default(DEFAULT_TIER_RULES)
    .describe('How a tier is read from a token: client roles, realm roles, groups or any claim.'),
  defaultTier: z
    .string()
    .nullable()
    .default('free')
    .describe('Tier of a valid user whom no rule names; null refuses them.'),
});

const staticKey = z.strictObject({
  key: secret.describe('The key itself.'),
  user: z.string().min(1).describe('Whose it is; quota is counted by it.'),
  tier: z.string().min(1).describe('A name of `tiers`.'),
});

const auth = z.strictObject({
  provider: z
    .enum(['keycloak', 'static'])
    .default('static')
    .describe('Where subscriptions live. With `keycloak`, static keys that are set work beside it.'),
  static: z
    .strictObject({
      keys: z
        .array(staticKey)
        .optional()
        .describe('Fixed keys. With `static` and none set, three demo keys are made at the first start.'),
    })
    .prefault({}),
  keycloak: keycloak.prefault({}),
});

const quota = z.strictObject({
  redisUrl: secret
    .optional()
    .describe('`redis://` or `rediss://` address of Valkey or Redis. Without it: SQLite in `dataDir`.'),
  timeZone: z
    .string()
    .default('UTC')
    .refine(isTimeZone, { error: 'expected an IANA time zone such as Europe/Berlin' })
    .describe('Time zone in which a day begins.'),
  onStoreFailure: z
    .enum(['deny', 'allow'])
    .default('deny')
    .describe(
      'When the store does not answer: `deny` refuses users with a limit (503, nothing charged), `allow` lets them ' +
        'through and charges them when it is back.',
    ),
});

function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) !== undefined;
  } catch {
    return false;
  }
}

const limits = z.strictObject({
  bodyBytes: z
    .number()
    .int()
    .positive()
    .default(32 * 1024 * 1024)
    .describe('Largest request body. Bytes. Above it: 413.'),
  replyBytes: z
    .number()
    .int()
    .positive()
    .default(64 * 1024 * 1024)
    .describe('Largest whole reply, and largest stream event, taken from a backend. Bytes. Above it: 502.'),
  connections: z
    .number()
    .int()
    .positive()
    .default(10_000)
    .describe('Open client connections; further ones are closed at once.'),
  headersSeconds: seconds(15, 'Time for a client to send its headers. Then: 408.'),
  requestSeconds: seconds(60, 'Time for a client to send its whole request. Then: 408.'),
  idleSeconds: seconds(
    75,
    'Time an unused client connection is kept open, longer than the load balancer in front keeps it. Then: closed.',
  ),
  connectSeconds: seconds(5, 'Time to connect to a backend. Then: the next replica, or 502.'),
  firstByteSeconds: seconds(300, 'Time for a backend to begin its answer. Then: the next replica, or 504.'),
  betweenBytesSeconds: seconds(
    300,
    'Longest silence of a backend within an answer. Then: an error in the stream.',
  ),
  slowReaderSeconds: seconds(
    300,
    'Longest time a client may take to accept a piece of its answer. Then: closed.',
  ),
  keepAliveSeconds: seconds(10, 'Silence in a stream after which the client is sent a ping.'),
});

/** The configuration file as a person writes it; every section and option has a default. */
export const configSchema = z.strictObject({
  server: server.prefault({}),
  dataDir: z.string().min(1).default('./data').describe('Folder of the embedded stores; made at start.'),
  logLevel: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Least severity that is logged.'),
  auth: auth.prefault({}),
  backends: z
    .record(z.string().regex(/^[a-z][a-z0-9-]*$/), backend)
    .default({})
    .describe('Model servers by name. With none, a demo model answers.'),
  tiers: z
    .record(z.string().regex(/^[a-z][a-z0-9-]*$/), tier)
    .refine((tiers) => Object.keys(tiers).length > 0, { error: 'must name at least one tier' })
    .prefault(DEFAULT_TIERS)
    .describe('What each subscription includes.'),
  quota: quota.prefault({}),
  limits: limits.prefault({}),
});

/** The checked configuration, with every default filled in. */
export type Config = z.output<typeof configSchema>;
export type BackendConfig = Config['backends'][string];
export type BackendKind = BackendConfig['kind'];

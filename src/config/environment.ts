/**
 * The environment variables of the contract and where each belongs in the configuration. One row per variable;
 * a secret may also come as `<NAME>_FILE`, the path of a file that holds it.
 */

/** The variable that a person would set for a place in the configuration, if there is one. */
export function variableFor(path: ConfigPath): string | null {
  const wanted = path.join('.');
  return Object.keys(VARIABLES).find((name) => VARIABLES[name]?.path.join('.') === wanted) ?? null;
}

/** A place in the configuration tree. */
export type ConfigPath = readonly string[];

interface Variable {
  readonly path: ConfigPath;
  readonly secret?: true;
  /** Text to the value the schema expects. */
  readonly read?: (text: string) => unknown;
  /** Further values set along with it. */
  readonly also?: readonly { readonly path: ConfigPath; readonly value: unknown }[];
}

const kindOf = (kind: string) => [{ path: ['backends', kind, 'kind'], value: kind }];
const address = (kind: string, fallback: string) => ({ path: ['backends', kind, 'url'], value: fallback });

/** A number where it is one, else the text, so that the schema's complaint shows what was written. */
const number = (text: string) => (text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text);

export const VARIABLES: Readonly<Record<string, Variable>> = {
  INTERNAL_LLM_URL: { path: ['backends', 'internal', 'url'], also: kindOf('internal') },
  INTERNAL_LLM_API_KEY: { path: ['backends', 'internal', 'apiKey'], secret: true, also: kindOf('internal') },
  INTERNAL_LLM_MODEL: { path: ['backends', 'internal', 'model'] },
  CLAUDE_API_KEY: {
    path: ['backends', 'claude', 'apiKey'],
    secret: true,
    also: [...kindOf('claude'), address('claude', 'https://api.anthropic.com')],
  },
  CLAUDE_BASE_URL: { path: ['backends', 'claude', 'url'], also: kindOf('claude') },
  OPENAI_API_KEY: {
    path: ['backends', 'openai', 'apiKey'],
    secret: true,
    also: [...kindOf('openai'), address('openai', 'https://api.openai.com/v1')],
  },
  OPENAI_BASE_URL: { path: ['backends', 'openai', 'url'], also: kindOf('openai') },
  AXON_URL: { path: ['backends', 'axon', 'url'], also: kindOf('axon') },
  AXON_API_KEY: { path: ['backends', 'axon', 'apiKey'], secret: true, also: kindOf('axon') },
  QUOTA_REDIS_URL: { path: ['quota', 'redisUrl'], secret: true },
  ADMIN_TOKEN: { path: ['admin', 'token'], secret: true },
  USAGE_EXPORT_URL: { path: ['usage', 'export', 'url'] },
  USAGE_EXPORT_TOKEN: { path: ['usage', 'export', 'token'], secret: true },
  OTEL_EXPORTER_OTLP_ENDPOINT: { path: ['observability', 'traces', 'url'] },
  OTEL_EXPORTER_OTLP_HEADERS: {
    path: ['observability', 'traces', 'headers'],
    secret: true,
    read: readHeaders,
  },
  OTEL_SERVICE_NAME: { path: ['observability', 'traces', 'serviceName'] },
  AUTH_PROVIDER: { path: ['auth', 'provider'] },
  KEYCLOAK_URL: { path: ['auth', 'keycloak', 'url'] },
  KEYCLOAK_AUDIENCE: { path: ['auth', 'keycloak', 'audience'] },
  KEYCLOAK_CLIENT_SECRET: { path: ['auth', 'keycloak', 'service', 'clientSecret'], secret: true },
  STATIC_KEYS: { path: ['auth', 'static', 'keys'], secret: true, read: readStaticKeys },
  PORT: { path: ['server', 'port'], read: number },
  PUBLIC_URL: { path: ['server', 'publicUrl'] },
  HOST: { path: ['server', 'host'] },
  METRICS_PORT: { path: ['server', 'metricsPort'], read: number },
  GATEWAY_DATA_DIR: { path: ['dataDir'] },
  LOG_LEVEL: { path: ['logLevel'] },
};

/** `<key>=<user>:<tier>` separated by commas or line ends. What does not fit is left as it is for the schema. */
function readStaticKeys(text: string): unknown {
  const entries = text
    .split(/[,\n]/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  const keys = entries.map((entry) => /^(?<key>.+)=(?<user>[^=]+):(?<tier>[^:=]+)$/.exec(entry)?.groups);
  return keys.every((key) => key !== undefined) ? keys.map((key) => ({ ...key })) : MALFORMED;
}

/** `<name>=<value>` separated by commas, values percent-encoded (OpenTelemetry, OTLP exporter). */
function readHeaders(text: string): unknown {
  const pairs = text.split(',').filter((pair) => pair.trim() !== '');
  const headers = pairs.map((pair) => /^([^=]+)=(.*)$/.exec(pair.trim()));
  return headers.every((header) => header !== null)
    ? Object.fromEntries(headers.map(([, name = '', value = '']) => [name.trim(), decoded(value.trim())]))
    : MALFORMED;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Stands for a secret list that could not be read; the schema refuses it without showing any of it. */
const MALFORMED = 'malformed';

/** A problem in the environment itself. */
export interface EnvironmentProblem {
  readonly key: string;
  readonly message: string;
}

export interface EnvironmentReading {
  /** Values to lay over the file. */
  readonly values: readonly { readonly path: ConfigPath; readonly value: unknown; readonly weak: boolean }[];
  /** `a.b.c` → the variable that set it, so that a complaint can name what the person wrote. */
  readonly origin: ReadonlyMap<string, string>;
  readonly problems: readonly EnvironmentProblem[];
}

/**
 * Reads the variables that are set. An empty variable counts as not set, as Kubernetes' optional references and
 * compose files leave them behind.
 *
 * @param readFile gives a file's text; may throw
 */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): EnvironmentReading {
  const values: { path: ConfigPath; value: unknown; weak: boolean }[] = [];
  const origin = new Map<string, string>();
  const problems: EnvironmentProblem[] = [];
  for (const [name, variable] of Object.entries(VARIABLES)) {
    const found = readVariable(name, variable, env, readFile);
    if (found === null) continue;
    if ('problem' in found) {
      problems.push(found.problem);
      continue;
    }
    values.push({ path: variable.path, value: variable.read?.(found.text) ?? found.text, weak: false });
    origin.set(variable.path.join('.'), found.name);
    for (const extra of variable.also ?? []) values.push({ ...extra, weak: true });
  }
  return { values, origin, problems };
}

type Found =
  | { readonly name: string; readonly text: string }
  | { readonly problem: EnvironmentProblem }
  | null;

function readVariable(
  name: string,
  variable: Variable,
  env: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): Found {
  const text = env[name] ?? '';
  const path = variable.secret ? (env[`${name}_FILE`] ?? '') : '';
  if (text !== '' && path !== '') {
    return { problem: { key: `${name}_FILE`, message: `set either ${name} or ${name}_FILE, not both` } };
  }
  if (text !== '') return { name, text };
  if (path === '') return null;
  try {
    const content = readFile(path).trim();
    if (content === '') return { problem: { key: `${name}_FILE`, message: `the file "${path}" is empty` } };
    return { name: `${name}_FILE`, text: content };
  } catch (error) {
    return { problem: { key: `${name}_FILE`, message: `cannot read "${path}": ${reasonOf(error)}` } };
  }
}

/** The system's word for a failed read, without anything else. */
export function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : 'unreadable';
}

import type { Config } from '../../config/schema.ts';
import { type Backend, FORMATS, toBackend } from '../../upstream/kinds.ts';
import type { Answer, Ask } from './ask.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

interface Checked {
  readonly findings: readonly Finding[];
  readonly answers: readonly Answer[];
}

type Json = Readonly<Record<string, unknown>>;

/** Claude Code's prompt alone, and some room to answer. */
const SMALL_WINDOW = 32_000;
const TOOL = {
  name: 'report',
  description: 'Reports a word.',
  schema: { type: 'object', properties: { word: { type: 'string' } }, required: ['word'] },
};

/** Asks every address of every backend a real small question, whole, streamed and with a tool that must be called. */
export async function checkBackends(config: Config, ask: Ask): Promise<Checked> {
  const backends = Object.entries(config.backends).map(([name, settings]) =>
    toBackend({ name, ...settings, urls: settings.url }),
  );
  if (backends.length === 0) {
    const remedy = 'Set INTERNAL_LLM_URL, CLAUDE_API_KEY, OPENAI_API_KEY or AXON_URL.';
    return {
      findings: [warning('backend', 'none is configured: a demo model answers', remedy)],
      answers: [],
    };
  }
  const checked = await Promise.all(
    backends.flatMap((backend) => backend.urls.map((url) => checkReplica(backend, url, ask))),
  );
  return {
    findings: checked.flatMap(({ findings }) => findings),
    answers: checked.flatMap(({ answers }) => answers),
  };
}

async function checkReplica(backend: Backend, url: string, ask: Ask): Promise<Checked> {
  const label = `${backend.name} at ${url}`;
  const list = await ask(`${url}/v1/models`, { headers: backend.headers() });
  const unusable = whyUnusable(list);
  if (unusable !== null) {
    const [seen, remedy] = unusable;
    return { findings: [problem('backend', `${label}: ${seen}`, remedy)], answers: [list] };
  }
  const models = modelsIn(list.json);
  const model = backend.configuredModel ?? backend.configuredModels?.[0] ?? models[0]?.id;
  if (model === undefined) {
    return {
      findings: [problem('backend', `${label}: it lists no model`, 'Name one in the backend’s `model`.')],
      answers: [list],
    };
  }
  const say = (body: Json) => ask(url + FORMATS[backend.format].path, post(backend, { ...body, model }));
  const whole = await say({ max_tokens: 16, messages: [{ role: 'user', content: 'Say hello.' }] });
  const answers = [list, whole];
  if (whole.status !== 200 || whole.json === undefined) {
    const seen = whole.failure ?? `status ${whole.status}`;
    const remedy = `It must answer ${FORMATS[backend.format].path} for the model ${model}; is \`format\` right?`;
    return { findings: [problem('backend', `${label}: a small question failed (${seen})`, remedy)], answers };
  }
  const streamed = await say({
    max_tokens: 16,
    stream: true,
    messages: [{ role: 'user', content: 'Say hello.' }],
    ...(backend.format === 'openai' && { stream_options: { include_usage: true } }),
  });
  const forced = await say({
    max_tokens: 200,
    messages: [{ role: 'user', content: 'Report the word hello.' }],
    ...TOOL_FIELDS[backend.format],
  });
  return {
    findings: [
      ok('backend', `${label}: ${model} answers in ${whole.ms} ms, format ${backend.format}`),
      ...checkListed(label, backend, models),
      ...checkStream(label, streamed),
      ...checkTool(label, forced),
      ...checkWindow(label, backend, models.find(({ id }) => id === model)?.max_model_len ?? null),
    ],
    answers: [...answers, streamed, forced],
  };
}

const TOOL_FIELDS: Readonly<Record<Backend['format'], Json>> = {
  anthropic: {
    tools: [{ name: TOOL.name, description: TOOL.description, input_schema: TOOL.schema }],
    tool_choice: { type: 'tool', name: TOOL.name },
  },
  openai: {
    tools: [
      {
        type: 'function',
        function: { name: TOOL.name, description: TOOL.description, parameters: TOOL.schema },
      },
    ],
    tool_choice: { type: 'function', function: { name: TOOL.name } },
  },
};

function post(backend: Backend, body: Json): RequestInit {
  const headers = { ...backend.headers(), 'content-type': 'application/json' };
  const field = backend.format === 'openai' ? backend.profile.maxTokensField : 'max_tokens';
  const { max_tokens, ...rest } = body;
  return { method: 'POST', headers, body: JSON.stringify({ ...rest, [field]: max_tokens }) };
}

/** @returns what was seen and what to do, or null where it is a model server that lets us in */
function whyUnusable({ failure, status, json, text }: Answer): readonly [string, string] | null {
  if (failure !== null)
    return [`it does not answer (${failure})`, 'Look at the address, DNS and the network policy.'];
  if (status === 401 || status === 403)
    return [`it refuses the key (status ${status})`, 'Set the backend’s key.'];
  if (json === undefined && text.trimStart().startsWith('<'))
    return [
      'it answers with a web page',
      'The address is not that of an API: a proxy or a sign-in page is in front.',
    ];
  if (status >= 300 && status < 400)
    return [`it redirects (status ${status})`, 'Redirects are not followed: name the final address.'];
  if (status >= 500) return [`it fails (status ${status})`, 'Look at its log.'];
  return null;
}

interface Listed {
  readonly id: string;
  readonly max_model_len?: number | null;
}

function modelsIn(json: unknown): readonly Listed[] {
  const { data } = (json ?? {}) as { data?: unknown };
  return Array.isArray(data) ? data.filter((one): one is Listed => typeof one?.id === 'string') : [];
}

function checkListed(
  label: string,
  { configuredModel }: Backend,
  models: readonly Listed[],
): readonly Finding[] {
  if (configuredModel === null || models.length === 0 || models.some(({ id }) => id === configuredModel))
    return [];
  const told = `${label}: the configured model "${configuredModel}" is not in its list`;
  return [
    warning(
      'backend',
      told,
      `It lists ${models
        .slice(0, 5)
        .map(({ id }) => id)
        .join(', ')}.`,
    ),
  ];
}

function checkStream(label: string, { status, text, failure }: Answer): readonly Finding[] {
  const isStream = status === 200 && text.includes('data:');
  if (!isStream) {
    const seen = failure ?? `status ${status}`;
    return [
      problem(
        'backend',
        `${label}: it does not stream (${seen})`,
        'Claude Code only streams: use a server that does.',
      ),
    ];
  }
  if (/"usage"\s*:\s*\{/.test(text)) return [];
  return [
    warning(
      'backend',
      `${label}: its streams say no usage`,
      'Tokens are estimated; set profile.streamUsage to false.',
    ),
  ];
}

function checkTool(label: string, { status, text }: Answer): readonly Finding[] {
  if (status === 200 && /"(?:tool_use|tool_calls)"/.test(text) && text.includes(`"${TOOL.name}"`)) return [];
  return [
    problem(
      'backend',
      `${label}: it does not call tools (status ${status})`,
      'Claude Code works by tools. vLLM: start it with --enable-auto-tool-choice --tool-call-parser <parser>.',
    ),
  ];
}

function checkWindow(
  label: string,
  { configuredWindow, format }: Backend,
  listed: number | null,
): readonly Finding[] {
  if (format === 'anthropic') return [];
  const window = configuredWindow ?? listed;
  if (window === null) {
    return [
      warning(
        'backend',
        `${label}: it does not say how long its context is`,
        'Set the backend’s `contextWindow`.',
      ),
    ];
  }
  if (window >= SMALL_WINDOW) return [ok('backend', `${label}: a context of ${window} tokens`)];
  const told = `${label}: a context of ${window} tokens is too small for Claude Code`;
  return [
    warning(
      'backend',
      told,
      'Its prompt alone is about 18,700 tokens: serve the model with a longer context.',
    ),
  ];
}

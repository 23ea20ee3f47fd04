/** All kinds of callers, good and bad. Each call says how it ended; `lost` is what must never happen. */
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export type Ending = 'answered' | 'refused' | 'failed' | 'told in the stream' | 'left' | 'lost';

export interface Target {
  readonly url: string;
  /** Keys of users with a limit and without. */
  readonly keys: readonly string[];
}

type Client = (target: Target) => Promise<Ending>;

const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;

const PROMPT = 'Tell me how it went on. '.repeat(40);
const MODELS = ['claude-opus-5-5', 'claude-haiku-5-5', 'gpt-5', 'qwen3-32b'];

interface Way {
  readonly path: string;
  readonly body: (stream: boolean) => object;
  /** The last words of a stream that is whole, or that says what went wrong. */
  readonly whole: RegExp;
  readonly told: RegExp;
}

const messages = [{ role: 'user', content: PROMPT }];
const WAYS: readonly Way[] = [
  {
    path: '/v1/messages',
    body: (stream) => ({ model: pick(MODELS), max_tokens: 500, messages, stream }),
    whole: /event: message_stop/,
    told: /event: error/,
  },
  {
    path: '/v1/chat/completions',
    body: (stream) => ({ model: pick(MODELS), messages, stream }),
    whole: /data: \[DONE\]/,
    told: /"error":/,
  },
  {
    path: '/v1/responses',
    body: (stream) => ({ model: pick(MODELS), input: PROMPT, stream, store: false }),
    whole: /event: response\.(?:completed|incomplete)/,
    told: /event: (?:response\.failed|error)/,
  },
];

function ask({ url, keys }: Target, way: Way, stream: boolean, signal?: AbortSignal): Promise<Response> {
  return fetch(url + way.path, {
    method: 'POST',
    headers: { authorization: `Bearer ${pick(keys)}`, 'content-type': 'application/json' },
    body: JSON.stringify(way.body(stream)),
    ...(signal !== undefined && { signal }),
  });
}

const endingOf = (status: number): Ending =>
  status < 400 ? 'answered' : status < 500 ? 'refused' : 'failed';

const whole: Client = async (target) => {
  const response = await ask(target, pick(WAYS), false);
  JSON.parse(await response.text());
  return endingOf(response.status);
};

const streamed: Client = async (target) => {
  const way = pick(WAYS);
  const response = await ask(target, way, true);
  const text = await response.text();
  if (response.status !== 200) return endingOf(response.status);
  if (way.told.test(text)) return 'told in the stream';
  return way.whole.test(text) ? 'answered' : 'lost';
};

/** Leaves a moment after it asked, wherever the answer is by then. */
const vanishing: Client = async (target) => {
  const leave = new AbortController();
  const asked = ask(target, pick(WAYS), true, leave.signal).then((response) => response.text());
  await Promise.race([asked, pause(Math.random() * 120)]).catch(() => undefined);
  leave.abort();
  await asked.catch(() => undefined);
  return 'left';
};

/** Reads a little at a time, then loses its patience. */
const slow: Client = async (target) => {
  const leave = new AbortController();
  const response = await ask(target, pick(WAYS), true, leave.signal);
  const reader = response.body?.getReader();
  for (let reads = 0; reads < 5; reads++) {
    await pause(200);
    const read = await reader?.read();
    if (read?.done !== false) break;
  }
  leave.abort();
  return 'left';
};

const looking: Client = async ({ url, keys }) => {
  const path = pick(['/v1/models', '/quota', '/health', '/', '/api/oauth/usage']);
  const response = await fetch(url + path, { headers: { authorization: `Bearer ${pick(keys)}` } });
  await response.text();
  return endingOf(response.status);
};

const counting: Client = async ({ url, keys }) => {
  const response = await fetch(`${url}/v1/messages/count_tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${pick(keys)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: pick(MODELS), messages }),
  });
  await response.text();
  return endingOf(response.status);
};

const wrong: Client = async ({ url, keys }) => {
  const key = pick(keys);
  const [path, headers, body] = pick<readonly [string, Record<string, string>, string]>([
    ['/v1/messages', { authorization: `Bearer ${key}` }, '{"model":'],
    ['/v1/messages', { authorization: 'Bearer nobody' }, '{}'],
    [
      '/v1/chat/completions',
      { authorization: `Bearer ${key}` },
      '{"model":"../x","messages":[],"messages":1',
    ],
    ['/nowhere', {}, '{}'],
  ]);
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  await response.text();
  return response.status >= 400 && response.status < 500 ? 'refused' : 'lost';
};

/** Bytes that are no request, and requests that break off. */
const rude: Client = async ({ url, keys }) => {
  const socket = await dial(url);
  const head = `POST /v1/messages HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${pick(keys)}\r\ncontent-type: application/json\r\n`;
  socket.write(
    pick([
      'GET / HTTP/1.1\r\nhost : a\r\n\r\n',
      `${head}content-length: 5000\r\n\r\n{"model":"gpt-5"`,
      `${head}transfer-encoding: chunked\r\n\r\n5\r\n{"mod\r\nzz\r\n`,
      'GET /quota HTTP/1.1\r\nhost: a\r\n',
    ]),
  );
  await pause(Math.random() * 200);
  if (Math.random() < 0.5) socket.resetAndDestroy();
  else socket.destroy();
  return 'left';
};

export function dial(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () =>
      resolve(socket.on('error', () => undefined).resume()),
    );
    socket.once('error', reject);
  });
}

/** Each kind and its share. */
const KINDS: Readonly<Record<string, readonly [share: number, client: Client]>> = {
  whole: [20, whole],
  streamed: [35, streamed],
  vanishing: [15, vanishing],
  slow: [5, slow],
  looking: [10, looking],
  counting: [5, counting],
  wrong: [5, wrong],
  rude: [5, rude],
};

const TOTAL = Object.values(KINDS).reduce((sum, [share]) => sum + share, 0);

/** Plays one call of some kind. */
export async function playOne(target: Target): Promise<{ kind: string; ending: Ending; why?: string }> {
  let left = Math.random() * TOTAL;
  const [kind, [, client]] =
    Object.entries(KINDS).find(([, [share]]) => {
      left -= share;
      return left < 0;
    }) ?? (['whole', KINDS.whole] as [string, readonly [number, Client]]);
  try {
    return { kind, ending: await client(target) };
  } catch (error) {
    return { kind, ending: 'lost', why: String((error as Error).cause ?? error) };
  }
}

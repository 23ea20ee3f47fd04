/** What became of requests, told apart as the person at the other end would. */
import { KEYS, messages } from '../support/rig.ts';
import { SAID } from './well-backend.ts';

export type Fate =
  /** The whole answer came. */
  | 'survived'
  /** It did not, and the client was told so in its own dialect. */
  | 'told'
  /** Neither. */
  | 'lost';

/** Sends a request as `pro` and waits for what becomes of it. */
export async function fateOf(url: string, stream: boolean, session: string): Promise<Fate> {
  try {
    const response = await fetch(`${url}/v1/messages`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${KEYS.pro}`,
        'content-type': 'application/json',
        'x-claude-code-session-id': session,
      },
      body: JSON.stringify(messages('gpt-5', { stream })),
      signal: AbortSignal.timeout(60_000),
    });
    return judge(response.status, stream, await response.text());
  } catch {
    return 'lost';
  }
}

function judge(status: number, stream: boolean, text: string): Fate {
  if (status !== 200)
    return /^\{"type":"error","error":\{"type":"\w+","message":".+"/.test(text) ? 'told' : 'lost';
  if (!stream) return wordsOf([JSON.parse(text)]) === SAID ? 'survived' : 'lost';
  const events = text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice('data: '.length)) as Event);
  const last = events.at(-1)?.type;
  if (last === 'error') return 'told';
  return last === 'message_stop' && wordsOf(events) === SAID ? 'survived' : 'lost';
}

interface Event {
  readonly type: string;
  readonly delta?: { readonly text?: string };
  readonly content?: readonly { readonly text?: string }[];
}

const wordsOf = (events: readonly Event[]): string =>
  events.flatMap(({ delta, content }) => [delta?.text, ...(content ?? []).map(({ text }) => text)]).join('');

/** Rows for people. */
export function table(rows: readonly Readonly<Record<string, string | number>>[]): string {
  const names = Object.keys(rows[0] ?? {});
  const width = (name: string) => Math.max(name.length, ...rows.map((row) => String(row[name]).length));
  const line = (cells: readonly string[]) => cells.join('  ').trimEnd();
  const head = line(names.map((name) => name.padEnd(width(name))));
  const body = rows.map((row) =>
    line(
      names.map((name) => {
        const value = row[name] ?? '';
        return typeof value === 'number' ? String(value).padStart(width(name)) : value.padEnd(width(name));
      }),
    ),
  );
  return [head, ...body].join('\n');
}

import { emitKeypressEvents } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Command, type Terminal, UsageError } from '../command.ts';
import { readMetrics } from './read-metrics.ts';
import { type Reached, render } from './render.ts';
import { type Look, summarize } from './summarize.ts';

const DEFAULT_URL = 'http://127.0.0.1:9464';
const CLEAR = '\x1b[H\x1b[2J';
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

export const top: Command = {
  summary: 'watch requests, tiers and backends live',
  usage: `Usage: llm-gateway top [--url ${DEFAULT_URL}]… [--interval 1] [--once]

  --url       where the metrics of a replica are (METRICS_PORT); several replicas are added up
  --interval  seconds between two looks
  --once      look twice, print once, end: for scripts; also what happens without a terminal

q ends it.`,

  async run(args, terminal) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        url: { type: 'string', multiple: true, default: [DEFAULT_URL] },
        interval: { type: 'string', default: '1' },
        once: { type: 'boolean', default: false },
      },
    });
    const interval = Number(values.interval);
    if (!(interval > 0)) throw new UsageError(`--interval takes seconds, not "${values.interval}"`);
    const wrong = values.url.find((url) => !URL.canParse(url));
    if (wrong !== undefined) throw new UsageError(`--url takes an address, not "${wrong}"`);

    if (values.once || terminal.stdout.isTTY !== true) return await showOnce(values.url, interval, terminal);
    return await showLive(values.url, interval, terminal);
  },
};

interface Seen extends Look {
  readonly reached: readonly Reached[];
}

/** @returns 1 where no replica answered */
async function showOnce(urls: readonly string[], interval: number, { stdout }: Terminal): Promise<number> {
  const before = await look(urls);
  await pause(interval * 1000);
  const after = await look(urls);
  stdout.write(`${render(summarize(before, after), after.reached, 200)}\n`);
  return after.reached.some(({ problem }) => problem === null) ? 0 : 1;
}

async function showLive(urls: readonly string[], interval: number, terminal: Terminal): Promise<number> {
  const { stdin, stdout } = terminal;
  const ended = whenEnded(stdin);
  stdout.write(ENTER);
  try {
    let before = await look(urls);
    while (!ended.signal.aborted) {
      await pause(interval * 1000, undefined, { signal: ended.signal }).catch(() => undefined);
      const after = await look(urls);
      stdout.write(
        `${CLEAR}${render(summarize(before, after), after.reached, stdout.columns ?? 80)}\n\nq ends`,
      );
      before = after;
    }
    return 0;
  } finally {
    stdout.write(LEAVE);
    ended.release();
  }
}

/** By `q`, Escape or Ctrl-C. */
function whenEnded(stdin: NodeJS.ReadStream) {
  const ending = new AbortController();
  emitKeypressEvents(stdin);
  if (stdin.isTTY) stdin.setRawMode(true);
  const onKey = (_: string, key: { readonly name?: string; readonly ctrl?: boolean }) => {
    if (key.name === 'q' || key.name === 'escape' || (key.ctrl === true && key.name === 'c')) ending.abort();
  };
  stdin.on('keypress', onKey);
  return {
    signal: ending.signal,
    release() {
      stdin.off('keypress', onKey);
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.pause();
    },
  };
}

async function look(urls: readonly string[]): Promise<Seen> {
  const answers = await Promise.all(urls.map(scrape));
  return {
    at: performance.now(),
    series: answers.flatMap(({ text }) => readMetrics(text)),
    reached: answers.map(({ url, problem }) => ({ url, problem })),
  };
}

async function scrape(url: string): Promise<Reached & { readonly text: string }> {
  try {
    const answer = await fetch(new URL('/metrics', url), { signal: AbortSignal.timeout(3000) });
    if (answer.ok) return { url, problem: null, text: await answer.text() };
    return { url, problem: `answered ${answer.status}`, text: '' };
  } catch (error) {
    const { cause, message } = error as { cause?: { code?: string }; message: string };
    return { url, problem: cause?.code ?? message, text: '' };
  }
}

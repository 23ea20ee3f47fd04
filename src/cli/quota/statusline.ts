import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { asObject, parseJson } from '../../protocol/json.ts';
import type { Command, Terminal } from '../command.ts';
import { sessionPlace, URL_HELP, URL_OPTION } from '../gateway-address.ts';
import { cacheFolder, readSession, type SessionPlace } from '../session/session.ts';
import { type Quota, readQuota, shareOf, tightestOf, toBar, toCounts, toSpan } from './allowances.ts';

/** How long a quota is shown without asking again, and how long anything is waited for. Milliseconds. */
const FRESH_MS = 2000;
const PATIENCE_MS = 1000;

export const statusline: Command = {
  summary: "one line for Claude Code's status line",
  usage: `Usage: llm-gateway statusline [--url <gateway>]

Reads what Claude Code tells its status line on standard input, and prints model and quota. Answers within about a
second whatever happens; the quota is at most ${FRESH_MS / 1000} s old, older only while the gateway does not answer.

${URL_HELP}`,

  async run(args, terminal) {
    const { values } = parseArgs({ args: [...args], options: URL_OPTION });
    const [model, quota] = await Promise.all([
      modelOf(terminal.stdin),
      knownQuota(sessionPlace(values.url, terminal), cacheFolder(terminal)),
    ]);
    terminal.stdout.write(`${toLine(model, quota, Date.now())}\n`);
    return 0;
  },
};

/** Null: nothing is known of the quota. */
export function toLine(model: string | null, quota: Quota | null, now: number): string {
  const tightest = quota === null ? undefined : tightestOf(quota);
  const standing =
    quota === null
      ? ['quota unknown']
      : tightest === undefined
        ? [quota.tier, 'unlimited']
        : [
            quota.tier,
            `${tightest.name} ${toBar(shareOf(tightest), 10)} ${toCounts(tightest)}`,
            `anew ${toSpan(tightest.resetsAt - now)}`,
          ];
  return [...(model === null ? [] : [model]), ...standing].join(' · ');
}

/** The name that Claude Code shows; null where standard input tells none in time. */
async function modelOf(stdin: Terminal['stdin']): Promise<string | null> {
  if (stdin.isTTY) return null;
  const timer = setTimeout(() => stdin.destroy(), PATIENCE_MS);
  let text = '';
  try {
    for await (const chunk of stdin.setEncoding('utf8')) text += chunk;
    const { display_name: name } = asObject(asObject(parseJson(text)).model);
    return typeof name === 'string' ? name : null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

interface Cached {
  readonly gateway: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function knownQuota(place: SessionPlace, folder: string): Promise<Quota | null> {
  const file = join(folder, 'quota.json');
  const gateway = place.wanted ?? readSession(place.folder)?.gateway;
  const cached = readCache(file, gateway);
  if (cached !== null && Date.now() - cached.at < FRESH_MS) return readQuota(cached.body);
  try {
    const body = await askQuota(place);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.${process.pid}`, JSON.stringify({ gateway, at: Date.now(), body }), {
      mode: 0o600,
    });
    renameSync(`${file}.${process.pid}`, file);
    return readQuota(body);
  } catch {
    return cached === null ? null : readQuota(cached.body);
  }
}

async function askQuota(place: SessionPlace) {
  const { currentToken } = await import('../session/current-token.ts');
  const { askGateway } = await import('../gateway.ts');
  return askGateway(await currentToken(place, PATIENCE_MS), '/quota', { patienceMs: PATIENCE_MS });
}

function readCache(file: string, gateway: string | undefined): Cached | null {
  try {
    const cached = JSON.parse(readFileSync(file, 'utf8')) as Cached;
    return cached.gateway === gateway && cached.at <= Date.now() ? cached : null;
  } catch {
    return null;
  }
}

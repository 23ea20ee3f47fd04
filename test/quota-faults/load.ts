/** A backend that always answers, users who ask without end, and the books: what they got against what was charged. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { messages } from '../support/rig.ts';

export const USERS = 4;
/** Requests a day of each user. */
export const LIMIT = 50;
/** What each replica grants without the store: a fifth. */
export const GRANT = 10;

export const PLAN = `
tiers:
  plan: { rank: 1, requestsPerDay: ${LIMIT}, routes: [{ match: claude, to: internal/default }] }
`;
export const KEYS = Array.from({ length: USERS }, (_, index) => `key-${index}=user-${index}:plan`).join(',');

export interface SteadyBackend extends Disposable {
  readonly url: string;
  /** While true, requests are taken and not answered. */
  holds: boolean;
}

export async function startSteadyBackend(): Promise<SteadyBackend> {
  const server = createServer((request, response) => {
    request.resume();
    if (backend.holds) return;
    const answer = { role: 'assistant', content: 'Hello.' };
    const body = request.url?.endsWith('/models')
      ? { object: 'list', data: [{ id: 'steady', object: 'model' }] }
      : {
          id: 'chatcmpl-1',
          object: 'chat.completion',
          created: 1,
          model: 'steady',
          choices: [{ index: 0, message: answer, finish_reason: 'stop' }],
          usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
        };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const backend: SteadyBackend = {
    url: `http://127.0.0.1:${address.port}/v1`,
    holds: false,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
  return backend;
}

/** What a user was answered. */
export interface Tally {
  /** Whole answers. */
  admitted: number;
  /** 429 and 503: told, and nothing charged. */
  refused: number;
  /** Connections that broke: charged or not, nobody can tell. */
  unknown: number;
  /** Anything else. */
  strange: number;
  /** Of the answers and refusals, milliseconds. */
  slowest: number;
}

export const newTallies = (): Tally[] =>
  Array.from({ length: USERS }, () => ({ admitted: 0, refused: 0, unknown: 0, strange: 0, slowest: 0 }));

/** Every user asks the gateways in turn, two at a time, until `until` resolves. */
export async function ask(
  gateways: readonly GatewayProcess[],
  tallies: readonly Tally[],
  until: Promise<unknown>,
): Promise<void> {
  let over = false;
  const ended = until.finally(() => {
    over = true;
  });
  const worker = async (user: number, offset: number) => {
    for (let count = offset; !over; count++) {
      await askOnce(gateways[count % gateways.length], tallies[user], user);
      await pause(60);
    }
  };
  const workers = tallies.flatMap((_, user) => [worker(user, 0), worker(user, 1)]);
  await Promise.all([ended, ...workers]);
}

async function askOnce(
  gateway: GatewayProcess | undefined,
  tally: Tally | undefined,
  user: number,
): Promise<void> {
  assert.ok(gateway !== undefined && tally !== undefined);
  const begun = performance.now();
  try {
    const response = await fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': `key-${user}`, 'content-type': 'application/json' },
      body: JSON.stringify(messages('claude-opus-5-5')),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    if (response.status === 200 && text.includes('Hello.')) tally.admitted += 1;
    else if (response.status === 429 || response.status === 503) tally.refused += 1;
    else tally.strange += 1;
    tally.slowest = Math.max(tally.slowest, performance.now() - begun);
  } catch {
    tally.unknown += 1;
  }
}

/** What the store counts for each user, once nothing is pending and the number has stopped changing. */
export async function charged(gateway: GatewayProcess, patience = 15_000): Promise<readonly number[]> {
  const deadline = Date.now() + patience;
  let before = '';
  for (;;) {
    const standings = await Promise.all(
      Array.from({ length: USERS }, (_, user) => standingOf(gateway, user)),
    );
    const now = JSON.stringify(standings);
    const settled = standings.every((standing) => standing !== null && standing.pending === 0);
    if (settled && now === before) return standings.map((standing) => standing?.used ?? 0);
    if (Date.now() > deadline) throw new Error(`the counts did not settle: ${now}`);
    before = now;
    await pause(1_500);
  }
}

async function standingOf(gateway: GatewayProcess, user: number) {
  const response = await fetch(`${gateway.url}/quota`, { headers: { 'x-api-key': `key-${user}` } });
  if (response.status !== 200) return null;
  return (await response.json()) as { readonly used: number; readonly pending: number };
}

/** One line of the table. */
export interface Row {
  readonly fault: string;
  readonly admitted: number;
  readonly charged: number;
  readonly refused: number;
  /** Answers that were not charged. */
  readonly lost: number;
  /** Charges beyond what was answered, or may have been. */
  readonly doubled: number;
  /** Answers beyond the limit, of the user who got most. */
  readonly overspent: number;
  /** What `overspent` may be. */
  readonly bound: number;
  readonly unknown: number;
  readonly strange: number;
  readonly slowest: number;
}

export function toRow(fault: string, tallies: readonly Tally[], used: readonly number[], bound: number): Row {
  const sum = (of: (tally: Tally, user: number) => number) =>
    tallies.reduce((all, tally, user) => all + of(tally, user), 0);
  const usedBy = (user: number) => used[user] ?? 0;
  return {
    fault,
    admitted: sum(({ admitted }) => admitted),
    charged: sum((_, user) => usedBy(user)),
    refused: sum(({ refused }) => refused),
    lost: sum(({ admitted }, user) => Math.max(0, admitted - usedBy(user))),
    doubled: sum(({ admitted, unknown }, user) => Math.max(0, usedBy(user) - admitted - unknown)),
    overspent: Math.max(0, ...tallies.map(({ admitted }) => admitted - LIMIT)),
    bound,
    unknown: sum(({ unknown }) => unknown),
    strange: sum(({ strange }) => strange),
    slowest: Math.round(Math.max(...tallies.map(({ slowest }) => slowest))),
  };
}

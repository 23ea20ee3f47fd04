/** `/admin/v1`: operators see and change where users stand. Every change is in the audit log before it is made. */
import { timingSafeEqual } from 'node:crypto';
import type { Caller } from '../auth/authenticate.ts';
import { GatewayError } from '../errors.ts';
import type { Audit } from '../store/audit.ts';
import type { Tier } from '../types.ts';
import { toCsv } from '../usage/csv.ts';
import type { Grouping, KnownUser, UsageStore } from '../usage/usage-store.ts';
import { readBody } from './read-body.ts';
import { sendBytes, sendJson } from './reply.ts';
import type { Scope } from './request-scope.ts';
import {
  type Change,
  MOST_EXTRA,
  type Revoke,
  type ShownStanding,
  type Standings,
  storeAway,
  toActor,
} from './standings.ts';

export interface AdminParts {
  /** SHA-256 of the operators' token; null where there is none. */
  readonly tokenHash: Uint8Array | null;
  /** Hashes a credential as `tokenHash` was. */
  readonly hash: (credential: string) => Uint8Array;
  readonly identify: (rawHeaders: readonly string[]) => Promise<Caller>;
  readonly tiers: ReadonlyMap<string, Tier>;
  readonly standings: Standings;
  readonly revoke: Revoke;
  readonly audit: Audit;
  readonly usage: Pick<UsageStore, 'totals' | 'recent' | 'users'>;
  /** The local day of an instant. */
  readonly dayOf: (at: number) => string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

type Action = (parts: AdminParts, scope: Scope, operator: string, subject: string) => Promise<void>;

const SUBJECT = '([A-Za-z0-9:_.-]{1,128})';
const ACTIONS: readonly (readonly [method: string, path: RegExp, action: Action])[] = [
  ['GET', /^\/admin\/v1\/plan$/, showPlan],
  ['GET', /^\/admin\/v1\/users$/, listUsers],
  ['GET', new RegExp(`^/admin/v1/users/${SUBJECT}$`), showUser],
  ['GET', new RegExp(`^/admin/v1/users/${SUBJECT}/requests$`), listRequests],
  ['POST', new RegExp(`^/admin/v1/users/${SUBJECT}/grants$`), grant],
  ['POST', new RegExp(`^/admin/v1/users/${SUBJECT}/reset$`), reset],
  ['POST', new RegExp(`^/admin/v1/users/${SUBJECT}/revoke$`), revoke],
  ['GET', /^\/admin\/v1\/usage$/, showUsage],
  ['GET', /^\/admin\/v1\/audit$/, showAudit],
];

/** Bytes. */
const BODY_BYTES = 16 * 1024;
const DAY = 86_400_000;
/** Nothing of this is for a cache. */
const NO_STORE = { 'cache-control': 'no-store' };

export function createAdminHandler(parts: AdminParts) {
  return async (scope: Scope): Promise<void> => {
    const operator = await authorize(parts, scope.request.rawHeaders);
    const method = scope.request.method === 'HEAD' ? 'GET' : scope.request.method;
    const fitting = ACTIONS.filter(([, path]) => path.test(scope.path));
    const [, path, action] = fitting.find(([wanted]) => wanted === method) ?? [];
    if (path !== undefined && action !== undefined)
      return action(parts, scope, operator, path.exec(scope.path)?.[1] ?? '');
    if (fitting.length === 0)
      throw new GatewayError('route_not_found', 'There is nothing at this path; see docs/admin-api.md.');
    const allow = fitting.map(([wanted]) => wanted).join(', ');
    throw new GatewayError('method_not_allowed', `This path takes ${allow} only.`, { headers: { allow } });
  };
}

/** @returns who it is, for the audit log */
async function authorize(parts: AdminParts, rawHeaders: readonly string[]): Promise<string> {
  const { tokenHash, hash } = parts;
  if (tokenHash !== null && bearersOf(rawHeaders).some((one) => timingSafeEqual(hash(one), tokenHash)))
    return 'admin token';
  const caller = await parts.identify(rawHeaders);
  if (caller.isOperator) return toActor(caller.principal);
  throw new GatewayError('permission_denied', 'This credential is not one of an operator.');
}

function bearersOf(rawHeaders: readonly string[]): readonly string[] {
  return rawHeaders.flatMap((name, index) => {
    if (index % 2 === 1 || name.toLowerCase() !== 'authorization') return [];
    const token = /^Bearer +(\S+)$/i.exec(rawHeaders[index + 1] ?? '')?.[1];
    return token === undefined ? [] : [token];
  });
}

async function showPlan({ tiers }: AdminParts, scope: Scope): Promise<void> {
  sendJson(scope, 200, { tiers: [...tiers.values()] }, NO_STORE);
}

async function listUsers({ usage }: AdminParts, scope: Scope): Promise<void> {
  const query = queryOf(scope, ['search', 'limit']);
  const found = await usage.users(query.get('search') ?? '', limitOf(query, 100));
  sendJson(scope, 200, { users: found.map(toUser) }, NO_STORE);
}

async function showUser({ standings }: AdminParts, scope: Scope, _: string, subject: string): Promise<void> {
  const known = await standings.find(subject);
  const body = { ...toUser(known), ...toStandingsBody(await standings.of(known)) };
  sendJson(scope, 200, body, NO_STORE);
}

async function listRequests({ usage }: AdminParts, scope: Scope, _: string, subject: string): Promise<void> {
  const recent = await usage.recent(subject);
  const requests = recent.map(({ subject: _subject, user: _user, at, ...rest }) => ({
    at: toTime(at),
    ...rest,
  }));
  sendJson(scope, 200, { requests }, NO_STORE);
}

async function grant(parts: AdminParts, scope: Scope, operator: string, subject: string): Promise<void> {
  const { extra, reason, allowance } = await readChange(scope, ['extra', 'reason', 'allowance']);
  if (
    typeof extra !== 'number' ||
    !Number.isSafeInteger(extra) ||
    extra === 0 ||
    Math.abs(extra) > MOST_EXTRA
  )
    throw invalid('"extra" must be a whole number of requests other than 0, negative to take some back.');
  await change(parts, scope, subject, { operator, action: 'grant', reason, allowance, extra });
}

async function reset(parts: AdminParts, scope: Scope, operator: string, subject: string): Promise<void> {
  const { reason, allowance } = await readChange(scope, ['reason', 'allowance']);
  await change(parts, scope, subject, { operator, action: 'reset', reason, allowance, extra: 'whole' });
}

async function change(
  { standings }: AdminParts,
  scope: Scope,
  subject: string,
  wanted: Omit<Change, 'requestId'>,
): Promise<void> {
  const known = await standings.find(subject);
  await standings.change(known, { ...wanted, requestId: scope.id });
  const body = { ...toUser(known), ...toStandingsBody(await standings.of(known)) };
  sendJson(scope, 200, body, NO_STORE);
}

async function revoke(parts: AdminParts, scope: Scope, operator: string, subject: string): Promise<void> {
  const { reason } = await readChange(scope, ['reason']);
  await parts.revoke({ requestId: scope.id, operator, reason, subject });
  sendBytes(scope, 204, '', NO_STORE);
}

async function showUsage({ usage, dayOf, clock }: AdminParts, scope: Scope): Promise<void> {
  const query = queryOf(scope, ['from', 'to', 'by', 'subject', 'format', 'limit']);
  const by = (query.get('by') ?? 'day').split(',').filter((name) => name !== '');
  if (!by.every(isGrouping))
    throw invalid('"by" takes day, subject, model and backend, separated by commas.');
  const subject = query.get('subject') ?? undefined;
  const from = dayIn(query, 'from') ?? dayOf(clock() - 29 * DAY);
  const to = dayIn(query, 'to') ?? dayOf(clock());
  const rows = await usage.totals({ from, to, by, limit: limitOf(query, 10_000), subject });
  if (query.get('format') === 'csv')
    sendBytes(scope, 200, toCsv(rows), { ...NO_STORE, 'content-type': 'text/csv; charset=utf-8' });
  else sendJson(scope, 200, { from, to, rows }, NO_STORE);
}

async function showAudit({ audit, clock }: AdminParts, scope: Scope): Promise<void> {
  const month = queryOf(scope, ['month']).get('month') ?? toTime(clock()).slice(0, 7);
  if (!/^\d{4}-\d{2}$/.test(month)) throw invalid('"month" must look like 2026-11.');
  const entries = (await audit.read(month).catch(storeAway)).map(({ at, ...rest }) => ({
    at: toTime(at),
    ...rest,
  }));
  sendJson(scope, 200, { month, entries }, NO_STORE);
}

/** The main allowance, then every one. */
function toStandingsBody(standings: readonly ShownStanding[]) {
  const allowances = standings.map(({ allowance, limit, extra, used, pending, remaining, resetsAt }) => {
    const counts = { allowance: allowance.name, limit, extra, used, pending, remaining };
    return { ...counts, resets_at: toTime(resetsAt) };
  });
  return { standing: allowances[0] ?? null, allowances };
}

const toUser = ({ seenAt, ...user }: KnownUser) => ({ ...user, seen_at: toTime(seenAt) });
const toTime = (at: number) => new Date(at).toISOString();
const isGrouping = (name: string): name is Grouping => ['day', 'subject', 'model', 'backend'].includes(name);
const invalid = (message: string) => new GatewayError('invalid_request', message);

function queryOf({ search }: Scope, known: readonly string[]): URLSearchParams {
  const query = new URLSearchParams(search);
  const unknown = [...query.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`There is no such parameter; expected ${known.join(', ')}.`);
  return query;
}

function limitOf(query: URLSearchParams, most: number): number {
  const limit = Number(query.get('limit') ?? most);
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= most) return limit;
  throw invalid(`"limit" must be a whole number from 1 to ${most}.`);
}

function dayIn(query: URLSearchParams, name: string): string | null {
  const day = query.get(name);
  if (day === null || (/^\d{4}-\d{2}-\d{2}$/.test(day) && !Number.isNaN(Date.parse(day)))) return day;
  throw invalid(`"${name}" must be a day such as 2026-11-22.`);
}

/** A reason is asked for because whoever reads the audit log will ask. */
async function readChange(scope: Scope, known: readonly string[]) {
  const body = parseObject(await readBody(scope, BODY_BYTES));
  const unknown = Object.keys(body).find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`There is no such field; expected ${known.join(', ')}.`);
  const { reason } = body;
  if (typeof reason !== 'string' || reason.trim() === '' || reason.length > 500)
    throw invalid('"reason" must be a text of 1 to 500 characters.');
  const { allowance } = body;
  if (allowance !== undefined && typeof allowance !== 'string')
    throw invalid('"allowance" must be the name of one.');
  return { extra: body.extra, reason, allowance };
}

function parseObject(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Readonly<Record<string, unknown>>;
  } catch {
    // Said below.
  }
  throw invalid('The body must be a JSON object.');
}

/** `/console`: pages for people, made here, from the same small process. */
import type { Caller } from '../auth/authenticate.ts';
import { GatewayError, hasClientLeft } from '../errors.ts';
import { createAttempts } from '../http/attempts.ts';
import { html } from '../http/html.ts';
import { comesFromHere, createCookie, formToken, type OwnCookie } from '../http/own-form.ts';
import { readForm } from '../http/read-body.ts';
import { statusOf } from '../http/reply.ts';
import type { Scope } from '../http/request-scope.ts';
import { sendAsset } from './assets.ts';
import { showAudit } from './audit-page.ts';
import { showBackends } from './backends-page.ts';
import { showConnect } from './connect-page.ts';
import { createEveryonePage } from './everyone-page.ts';
import { createEveryonesTotals, type EveryonesTotals } from './everyones-totals.ts';
import { showExplain } from './explain-page.ts';
import { exportEveryone, exportUser } from './export-csv.ts';
import { createOwnKey, revokeOwnKey, showKeys } from './keys-page.ts';
import { type Place, sendConsolePage, sendRedirect, type Viewer } from './layout.ts';
import { showModels } from './models-page.ts';
import { showOverview } from './overview-page.ts';
import type { Act, ConsoleParts, Shown, ShowPage, Visit } from './parts.ts';
import { showPlan } from './plan-page.ts';
import { showRequests } from './requests-page.ts';
import { createEntrance, FORM_BYTES } from './sign-in-page.ts';
import { showUsage } from './usage-page.ts';
import { giveMore, revokeUser, showUser, showUsers } from './users-page.ts';
import { createWords } from './words.ts';

/** What a path does, for whom; `name` puts it into the menu. */
interface Row {
  readonly path: string | RegExp;
  readonly for: 'everyone' | 'operators';
  readonly name?: string;
  readonly show?: ShowPage;
  /** Answers by itself. */
  readonly send?: (visit: Visit) => Promise<void>;
  readonly act?: Act;
}

const SUBJECT = '([A-Za-z0-9:_.-]{1,128})';

const below = (path: string) => new RegExp(`^/console/${path}$`);

function toRows(totals: EveryonesTotals): readonly Row[] {
  return [
    { path: '/console', name: 'Overview', for: 'everyone', show: showOverview },
    { path: '/console/usage', name: 'Usage', for: 'everyone', show: showUsage },
    {
      path: '/console/usage.csv',
      for: 'everyone',
      send: (visit) => exportUser(visit, visit.caller.principal.subject),
    },
    { path: '/console/models', name: 'Models', for: 'everyone', show: showModels },
    { path: '/console/requests', name: 'Requests', for: 'everyone', show: showRequests },
    { path: '/console/keys', name: 'Keys', for: 'everyone', show: showKeys, act: createOwnKey },
    { path: below('keys/([A-Za-z0-9]{1,64})/revoke'), for: 'everyone', act: revokeOwnKey },
    { path: '/console/connect', name: 'Connect', for: 'everyone', show: showConnect },
    { path: '/console/users', name: 'Users', for: 'operators', show: showUsers },
    { path: below(`users/${SUBJECT}`), for: 'operators', show: showUser },
    {
      path: below(`users/${SUBJECT}/usage\\.csv`),
      for: 'operators',
      send: (visit) => exportUser(visit, visit.id),
    },
    { path: below(`users/${SUBJECT}/grants`), for: 'operators', act: giveMore },
    { path: below(`users/${SUBJECT}/revoke`), for: 'operators', act: revokeUser },
    { path: '/console/everyone', name: 'Everyone', for: 'operators', show: createEveryonePage(totals) },
    { path: '/console/everyone.csv', for: 'operators', send: (visit) => exportEveryone(visit, totals) },
    { path: '/console/backends', name: 'Backends', for: 'operators', show: showBackends },
    { path: '/console/plan', name: 'Plan', for: 'operators', show: showPlan },
    { path: '/console/explain', name: 'Explain', for: 'operators', show: showExplain },
    { path: '/console/audit', name: 'Audit log', for: 'operators', show: showAudit },
  ];
}

const SECRET = /^[\w-]{43}$/;
const SESSION = /^lgwa_[0-9A-Za-z]{49}$/;

/** @returns answers every request at `/console` and below; what it cannot do it says as a page */
export function createConsole(parts: ConsoleParts): (scope: Scope) => Promise<void> {
  const { publicUrl, clock } = parts;
  const session = createCookie({ name: 'gateway-console', publicUrl, shape: SESSION });
  const visitor = createCookie({ name: 'gateway-console-visitor', publicUrl, shape: SECRET });
  const entrance = createEntrance({
    parts,
    session,
    visitor,
    attempts: createAttempts(clock, parts.clientAddress),
  });
  const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));
  const rows = toRows(createEveryonesTotals({ usage: parts.usage, breathe, clock }));
  const visit = createVisits(parts, session, rows);
  const doors: Readonly<Record<string, (scope: Scope) => Promise<void> | void>> = {
    'GET /console/sign-in': entrance.show,
    'POST /console/sign-in': entrance.takeKey,
    'GET /console/sign-in/start': entrance.leave,
    'GET /console/callback': entrance.arrive,
    'POST /console/sign-out': entrance.leaveForGood,
  };

  return async (scope) => {
    try {
      if (scope.path.startsWith('/console/assets/')) return sendAsset(scope);
      // Where realms send people back to who have signed out there.
      if (scope.path === '/console/') return sendRedirect(scope, '/console');
      const method = scope.request.method === 'HEAD' ? 'GET' : (scope.request.method ?? '');
      const key = `${method} ${scope.path}`;
      const door = Object.hasOwn(doors, key) ? doors[key] : undefined;
      await (door === undefined ? visit(scope, method) : door(scope));
    } catch (error) {
      if (hasClientLeft(scope.signal) || scope.response.headersSent) throw error;
      sendConsolePage(scope, toProblem(error, scope, parts), { viewer: null });
    }
  };
}

function createVisits(parts: ConsoleParts, session: OwnCookie, rows: readonly Row[]) {
  const words = createWords(parts.timeZone, parts.clock);
  const placesFor = (kind: Row['for']): readonly Place[] =>
    rows.flatMap(({ path, name, for: whom }) =>
      typeof path === 'string' && name !== undefined && whom === kind ? [{ path, name }] : [],
    );
  const [own, operators] = [placesFor('everyone'), placesFor('operators')];

  function toViewer(visit: Visit): Viewer {
    const { user, tier } = visit.caller.principal;
    return {
      user,
      tier,
      formToken: visit.formToken,
      places: own,
      operatorPlaces: visit.caller.isOperator ? operators : [],
    };
  }

  async function callerOf(token: string | null): Promise<Caller | null> {
    return token === null ? null : parts.identify(['authorization', `Bearer ${token}`]).catch(asSignedOut);
  }

  async function serve(visit: Visit, row: Row, method: string): Promise<void> {
    const { scope } = visit;
    if (method === 'GET' && row.send !== undefined) return row.send(visit);
    const shown = await (method === 'POST' ? act(visit, row) : show(visit, row));
    if ('goTo' in shown) sendRedirect(scope, shown.goTo);
    else sendConsolePage(scope, shown, { viewer: toViewer(visit) });
  }

  return async (scope: Scope, method: string): Promise<void> => {
    const token = session.read(scope);
    const caller = await callerOf(token);
    if (token === null || caller === null)
      return sendRedirect(scope, toEntrance(scope, method), token === null ? [] : [session.end]);
    const query = new URLSearchParams(scope.search);
    const visit: Visit = { parts, scope, caller, query, id: '', formToken: formToken(token), words };
    try {
      const { row, id } = findRow(rows, scope.path, caller.isOperator);
      await serve({ ...visit, id }, row, method);
    } catch (error) {
      if (hasClientLeft(scope.signal) || scope.response.headersSent) throw error;
      sendConsolePage(scope, toProblem(error, scope, parts), { viewer: toViewer(visit) });
    }
  };
}

/** The way in, with the way back to what was looked for. */
function toEntrance({ path, search }: Scope, method: string): string {
  if (method !== 'GET') return '/console/sign-in';
  return `/console/sign-in?${new URLSearchParams({ to: path + search }).toString()}`;
}

function show(visit: Visit, { show: page }: Row): ReturnType<ShowPage> {
  if (page === undefined) throw new GatewayError('method_not_allowed', 'This is done by a form.');
  return page(visit);
}

async function act(visit: Visit, row: Row) {
  if (row.act === undefined) throw new GatewayError('method_not_allowed', 'There is nothing to send here.');
  const { scope, parts } = visit;
  const form = await readForm(scope, FORM_BYTES);
  if (form.get('token') !== visit.formToken || !comesFromHere(scope, parts.publicUrl))
    throw new GatewayError('permission_denied', 'This form is not from this page; nothing was changed.');
  return row.act(visit, form);
}

/** @throws GatewayError where there is no such page, or none for this visitor */
function findRow(rows: readonly Row[], path: string, isOperator: boolean): { row: Row; id: string } {
  for (const row of rows) {
    const found = typeof row.path === 'string' ? row.path === path && ['', ''] : row.path.exec(path);
    if (!found) continue;
    if (row.for === 'operators' && !isOperator)
      throw new GatewayError('permission_denied', 'This page is for operators.');
    return { row, id: found[1] ?? '' };
  }
  throw new GatewayError('route_not_found', 'There is no such page.');
}

/** A session that has ended, and one whose owner is gone: sign in again. */
function asSignedOut(error: unknown): null {
  if (error instanceof GatewayError && error.code !== 'identity_unavailable') return null;
  throw error;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'That cannot be done',
  403: 'Not for you',
  404: 'Not found',
  409: 'That cannot be done',
  503: 'Not possible now',
};

function toProblem(error: unknown, scope: Scope, { log }: ConsoleParts): Shown {
  const known = error instanceof GatewayError && error.code !== 'internal' ? error : null;
  if (known === null || known.cause !== undefined)
    log.warn({ request_id: scope.id, path: scope.path, err: known?.cause ?? error }, 'a console page failed');
  const status = known === null ? 500 : statusOf(known, 'anthropic');
  const said =
    known?.message ?? 'The gateway or one of its stores cannot answer now. Please try again in a moment.';
  return {
    title: TITLES[status] ?? 'That did not work',
    status,
    body: html`<p class="said bad">${said}</p><p>Request <code>${scope.id}</code>. <a href="/console">Back to the console</a></p>`,
  };
}

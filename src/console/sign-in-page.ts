/** The way in and the way out. */
import { GatewayError } from '../errors.ts';
import type { Attempts } from '../http/attempts.ts';
import { type Html, html } from '../http/html.ts';
import { comesFromHere, formToken, type OwnCookie } from '../http/own-form.ts';
import { readForm } from '../http/read-body.ts';
import type { Scope } from '../http/request-scope.ts';
import { sendConsolePage, sendRedirect } from './layout.ts';
import type { ConsoleParts, Shown } from './parts.ts';

export interface EntranceParts {
  readonly parts: ConsoleParts;
  /** The session. */
  readonly session: OwnCookie;
  /** What a browser has that is not signed in yet: forms and returns must bring it along. */
  readonly visitor: OwnCookie;
  /** What strangers may try. */
  readonly attempts: Attempts;
}

const VISITOR_SECONDS = 600;
/** Bytes; none of our forms is long. */
export const FORM_BYTES = 16 * 1024;
/** Only our own pages, and none of those that lead in or out. */
const OWN_PAGE = /^\/console(?!\/sign)(?:\/[\w:-]+)*(?:\?[\w=&%.+:-]*)?$/;

/** Where to go after the sign-in: a page of the console, whatever was asked for. */
export function toOwnPage(wanted: string | null): string {
  return wanted !== null && wanted.length < 300 && OWN_PAGE.test(wanted) ? wanted : '/console';
}

export function createEntrance({ parts, session, visitor, attempts }: EntranceParts) {
  const { publicUrl, signIn, realms, takesKeys } = parts;

  function show(scope: Scope, to: string, problem: string | null = null, status = 200): void {
    const secret = visitor.read(scope) ?? parts.secret();
    const shown = toEntrance({ parts, to, problem, token: formToken(secret), status });
    sendConsolePage(scope, shown, { viewer: null, cookies: [visitor.give(secret, VISITOR_SECONDS)] });
  }

  function letIn(scope: Scope, token: string, seconds: number, to: string): void {
    // Always a new session, whatever the browser brought: nobody is let in by a cookie that somebody else has planted.
    sendRedirect(scope, to, [session.give(token, seconds), visitor.end]);
  }

  return {
    show: (scope: Scope): void => show(scope, toOwnPage(new URLSearchParams(scope.search).get('to'))),

    /** To the realm. A link, since browsers hold what follows a form to the page's policy. */
    async leave(scope: Scope): Promise<void> {
      const query = new URLSearchParams(scope.search);
      const realm = realms[Number(query.get('realm') ?? 0)];
      if (signIn === null || realm === undefined)
        throw new GatewayError('route_not_found', 'There is no such realm.');
      const to = toOwnPage(query.get('to'));
      if (!attempts.mayTry(scope)) return show(scope, to, 'Too many tries; wait a minute.', 429);
      attempts.count(scope);
      const secret = visitor.read(scope) ?? parts.secret();
      const address = await signIn.leave(realm, secret, to).catch(asAway);
      sendRedirect(scope, address, [visitor.give(secret, VISITOR_SECONDS)]);
    },

    async arrive(scope: Scope): Promise<void> {
      const query = new URLSearchParams(scope.search);
      const [state, code] = [query.get('state') ?? '', query.get('code') ?? ''];
      const browser = visitor.read(scope);
      if (signIn === null || browser === null || state === '') return show(scope, '/console', STALE, 400);
      const arrival = await signIn.arrive({ state, code }, browser).catch(asAway);
      if (arrival.kind === 'signed-in') {
        const { accessToken, expiresIn } = arrival.tokens;
        return letIn(scope, accessToken, expiresIn, arrival.to);
      }
      if (arrival.kind === 'stale') return show(scope, '/console', STALE, 400);
      const said = arrival.kind === 'refused' ? 'Nobody was signed in.' : toNoSubscription(arrival.user);
      show(scope, '/console', said, 403);
    },

    async takeKey(scope: Scope): Promise<void> {
      const form = await readForm(scope, FORM_BYTES);
      const to = toOwnPage(form.get('to'));
      const browser = visitor.read(scope);
      const isOwn =
        browser !== null && form.get('token') === formToken(browser) && comesFromHere(scope, publicUrl);
      if (!isOwn) return show(scope, to, 'Please send the form once more.', 403);
      if (!takesKeys) throw new GatewayError('route_not_found', 'Nobody signs in with a key here.');
      if (!attempts.mayTry(scope)) return show(scope, to, 'Too many tries; wait a minute.', 429);
      const caller = await callerOf(parts, form.get('key') ?? '');
      if (caller === null) {
        attempts.count(scope);
        return show(scope, to, 'The key is not one to sign in with; compare it once more.', 403);
      }
      const { owner, principal } = caller;
      const { accessToken, expiresIn } = await parts.sessions.start({
        owner,
        user: principal.user,
        sid: null,
        email: null,
      });
      letIn(scope, accessToken, expiresIn, to);
    },

    async leaveForGood(scope: Scope): Promise<void> {
      const token = session.read(scope);
      const form = await readForm(scope, FORM_BYTES);
      const isOwn =
        token !== null && form.get('token') === formToken(token) && comesFromHere(scope, publicUrl);
      if (!isOwn) throw new GatewayError('permission_denied', 'This form is not from this page.');
      await parts.sessions.end(token);
      const elsewhere = await signOutLinks(parts);
      sendConsolePage(scope, toFarewell(elsewhere), { viewer: null, cookies: [session.end] });
    },
  };
}

const STALE = 'The sign-in was begun too long ago, in another browser, or is finished already.';
const toNoSubscription = (user: string) =>
  `The account ${user} has no subscription to this gateway; ask for one.`;

/** Whose static key it is. Keys that people made open nothing here: one that leaks must not beget others. */
async function callerOf({ identify }: ConsoleParts, key: string) {
  if (!/^[\x21-\x7e]{1,512}$/.test(key)) return null;
  const caller = await identify(['authorization', `Bearer ${key}`]).catch(asStranger);
  return caller?.via === 'static-key' ? caller : null;
}

/** The realm's own failures are plain errors, free of secrets. */
function asAway(cause: unknown): never {
  if (cause instanceof GatewayError) throw cause;
  throw new GatewayError(
    'identity_unavailable',
    'The identity provider does not answer. Please try again in a moment.',
    {
      cause,
    },
  );
}

function asStranger(error: unknown): null {
  if (error instanceof GatewayError && error.code !== 'identity_unavailable') return null;
  throw error;
}

interface Entrance {
  readonly parts: ConsoleParts;
  readonly to: string;
  readonly problem: string | null;
  readonly token: string;
  readonly status: number;
}

function toEntrance({ parts, to, problem, token, status }: Entrance): Shown {
  const { signIn, realms, takesKeys } = parts;
  const links =
    signIn === null ? [] : realms.map(({ issuer }, index) => toRealmLink(issuer, index, to, realms.length));
  const keyForm = html`<form method="post" action="/console/sign-in"><input type="hidden" name="token" value="${token}">
<input type="hidden" name="to" value="${to}">
<p><label>Key <input name="key" type="password" required maxlength="512" autocomplete="current-password" spellcheck="false"></label></p>
<button${links.length === 0 ? html` class="main"` : null}>Sign in with a key</button></form>`;
  const nothing = html`<p>Nobody can sign in here yet: that needs <code>auth.keycloak.service</code> and <code>server.publicUrl</code>, or static keys.</p>`;
  const body = html`<div class="entrance">${problem === null ? null : html`<p class="said bad" role="alert">${problem}</p>`}
${links}${takesKeys ? keyForm : null}${links.length === 0 && !takesKeys ? nothing : null}</div>`;
  return { title: 'Sign in', body, status };
}

function toRealmLink(issuer: string, index: number, to: string, count: number): Html {
  const name = count === 1 ? 'your organisation' : (issuer.split('/').at(-1) ?? issuer);
  const query = new URLSearchParams({ realm: String(index), to });
  return html`<p><a class="button main" href="/console/sign-in/start?${query.toString()}">Sign in with ${name}</a></p>`;
}

/** Our session is over; that at the realm is ended there, by whoever has it. */
async function signOutLinks({ signIn, realms, publicUrl }: ConsoleParts): Promise<readonly string[]> {
  if (signIn === null) return [];
  const links = await Promise.all(
    realms.map((realm) => realm.signOutUrl(`${publicUrl ?? ''}/console/`).catch(() => null)),
  );
  return links.filter((link) => link !== null);
}

function toFarewell(links: readonly string[]): Shown {
  const elsewhere = links.map(
    (link) => html`<p><a href="${link}">Sign out of your organisation as well</a></p>`,
  );
  return {
    title: 'Signed out',
    body: html`<p><a href="/console/sign-in">Sign in again</a></p>${elsewhere}`,
  };
}

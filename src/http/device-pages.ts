/**
 * The browser's half of a sign-in: the code, the realm, the question. Every form is answered only from the page it was
 * sent with: a secret in a cookie, its hash in the form, and the browser's own word for where the form came from.
 */
import type { Arrival, BrowserSignIn } from '../auth/browser-sign-in.ts';
import type { Realm } from '../auth/realm.ts';
import { GatewayError, hasClientLeft } from '../errors.ts';
import type { Log } from '../observe/log.ts';
import { createAttempts } from './attempts.ts';
import type { ClientAddress } from './client-address.ts';
import { type Html, html } from './html.ts';
import { comesFromHere, createCookie, formToken } from './own-form.ts';
import { type Page, sendPage } from './page.ts';
import { readForm } from './read-body.ts';
import type { Scope } from './request-scope.ts';

export interface DevicePageParts {
  readonly publicUrl: string;
  readonly signIn: BrowserSignIn;
  /** Where people can sign in; never empty. */
  readonly realms: readonly Realm[];
  readonly clientAddress: ClientAddress;
  readonly log: Log;
  /** Text that nobody can guess. */
  readonly secret: () => string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

const FORM_BYTES = 16 * 1024;
const COOKIE_SECONDS = 600;
const SECRET = /^[\w-]{43}$/;

export function createDevicePages(parts: DevicePageParts) {
  const { publicUrl, signIn, realms } = parts;
  const cookie = createCookie({ name: 'gateway-sign-in', publicUrl, shape: SECRET });
  // At this pace a code of 34 bits stays unguessed in its ten minutes (RFC 8628 §5.1).
  const wrong = createAttempts(parts.clock, parts.clientAddress);

  function showStart(scope: Scope, typed: string, problem = '', status = 200): void {
    const browser = cookie.read(scope) ?? parts.secret();
    const body = startForm({ typed, problem, token: formToken(browser), realms, publicUrl });
    const header = cookie.give(browser, COOKIE_SECONDS);
    sendPage(scope, { status, title: 'Sign in to the LLM gateway', body, cookie: header });
  }

  /** The form and the secret of the browser that sent it; null when they do not belong together. */
  async function readOwnForm(scope: Scope): Promise<{ form: URLSearchParams; browser: string } | null> {
    const form = await readForm(scope, FORM_BYTES);
    const browser = cookie.read(scope);
    if (browser === null || form.get('token') !== formToken(browser)) return null;
    return comesFromHere(scope, publicUrl) ? { form, browser } : null;
  }

  async function start(scope: Scope): Promise<void> {
    showStart(scope, new URLSearchParams(scope.search).get('user_code') ?? '');
  }

  async function leave(scope: Scope): Promise<void> {
    const sent = await readOwnForm(scope);
    if (sent === null) return showStart(scope, '', 'Please send the form once more.', 403);
    const { form, browser } = sent;
    const typed = form.get('user_code') ?? '';
    if (!wrong.mayTry(scope)) return showStart(scope, typed, 'Too many wrong codes; wait a minute.', 429);
    const realm = realms[Number(form.get('realm') ?? 0)] ?? realms[0];
    const next = realm === undefined ? null : await signIn.leave(typed, browser, realm);
    if (next === null) {
      wrong.count(scope);
      return showStart(scope, typed, 'No sign-in is waiting with this code; compare it once more.', 400);
    }
    const body = html`<p><a href="${next}">Continue to sign in</a></p>`;
    sendPage(scope, { title: 'Signing in …', body, next });
  }

  async function arrive(scope: Scope): Promise<void> {
    const query = new URLSearchParams(scope.search);
    const [state, code] = [query.get('state') ?? '', query.get('code') ?? ''];
    const browser = cookie.read(scope);
    if (browser === null || state === '') return sendPage(scope, stalePage(publicUrl));
    const arrival = await signIn.arrive({ state, code }, browser);
    sendPage(scope, arrivalPage(arrival, formToken(browser), publicUrl));
  }

  async function decide(scope: Scope): Promise<void> {
    const sent = await readOwnForm(scope);
    if (sent === null) return sendPage(scope, { ...stalePage(publicUrl), status: 403 });
    const decision = sent.form.get('decision') === 'approve' ? 'approve' : 'deny';
    const userCode = await signIn.decide(sent.form.get('ticket') ?? '', sent.browser, decision);
    if (userCode === null) return sendPage(scope, stalePage(publicUrl));
    sendPage(scope, { ...ENDINGS[decision], cookie: cookie.end });
  }

  return {
    start: withPages(start, parts.log),
    leave: withPages(leave, parts.log),
    arrive: withPages(arrive, parts.log),
    decide: withPages(decide, parts.log),
  };
}

const stalePage = (publicUrl: string): Page => ({
  status: 400,
  title: 'This sign-in is over',
  body: html`<p>It was begun too long ago, in another browser, or is finished already.</p>
<p><a href="${publicUrl}/device">Begin again</a></p>`,
});

const ENDINGS: Readonly<Record<'approve' | 'deny', Page>> = {
  approve: {
    title: 'You are signed in',
    body: html`<p>Go back to where the code was shown; this page can be closed.</p>`,
  },
  deny: {
    title: 'Nobody was signed in',
    body: html`<p>The sign-in was denied; this page can be closed.</p>`,
  },
};

interface StartForm extends Pick<DevicePageParts, 'realms' | 'publicUrl'> {
  readonly typed: string;
  readonly problem: string;
  readonly token: string;
}

/** What people know realms by; where several have one name, with the host of each. */
function realmNames(realms: StartForm['realms']): readonly string[] {
  const named = realms.map(({ issuer }) => ({ issuer, name: issuer.split('/').at(-1) ?? issuer }));
  const isShared = (name: string) => named.filter((one) => one.name === name).length > 1;
  return named.map(({ issuer, name }) => (isShared(name) ? `${name} (${new URL(issuer).host})` : name));
}

function startForm({ typed, problem, token, realms, publicUrl }: StartForm): Html {
  const options = realmNames(realms).map(
    (name, index) => html`<option value="${String(index)}">${name}</option>`,
  );
  const choice =
    realms.length < 2
      ? html``
      : html`<p><label>Organisation <select name="realm">${{ html: options.map((one) => one.html).join('') }}</select></label></p>`;
  return html`<form method="post" action="${publicUrl}/device">
<input type="hidden" name="token" value="${token}">
<p><label>The code that your terminal shows
<input class="code" name="user_code" value="${typed.slice(0, 20)}" maxlength="20" autocomplete="off" autofocus required></label></p>
${choice}<p role="alert">${problem}</p>
<p class="note">Go on only if you began this sign-in yourself, on your own machine.</p>
<button class="main">Continue</button></form>`;
}

function arrivalPage(arrival: Arrival, token: string, publicUrl: string): Page {
  if (arrival.kind === 'stale') return stalePage(publicUrl);
  if (arrival.kind === 'refused') {
    const body = html`<p>The sign-in was not completed. <a href="${publicUrl}/device">Begin again</a></p>`;
    return { status: 403, title: 'Not signed in', body };
  }
  if (arrival.kind === 'no-subscription') {
    const body = html`<p>The account ${arrival.user} has no subscription to this gateway; ask for one.</p>`;
    return { status: 403, title: 'No subscription', body };
  }
  const body = html`<p>A program asks to use this gateway as <strong>${arrival.user}</strong>. Its terminal shows</p>
<p><code>${spelled(arrival.userCode)}</code></p>
<p class="note">If you see another code, or none, somebody else has sent you here: deny.</p>
<form method="post" action="${publicUrl}/device/decision">
<input type="hidden" name="token" value="${token}"><input type="hidden" name="ticket" value="${arrival.ticket}">
<button class="main" name="decision" value="approve">Allow</button><button name="decision" value="deny">Deny</button></form>`;
  return { title: 'Allow this sign-in?', body };
}

/** As the terminal shows it, however it was typed. */
function spelled(typed: string): string {
  const letters = typed.toUpperCase().replaceAll(/[^A-Z]/g, '');
  return `${letters.slice(0, 4)}-${letters.slice(4, 8)}`;
}

/** Failures as pages; what they say is said by nobody else, so nothing of a secret is in it. */
function withPages(handle: (scope: Scope) => Promise<void>, log: Log) {
  return async (scope: Scope): Promise<void> => {
    try {
      await handle(scope);
    } catch (error) {
      if (error instanceof GatewayError && error.code !== 'identity_unavailable') throw error;
      if (hasClientLeft(scope.signal)) throw error;
      log.warn({ request_id: scope.id, err: error }, 'a step of a sign-in failed');
      const body = html`<p>The identity provider or the store of sign-ins does not answer. Please try again in a moment.</p>`;
      sendPage(scope, { status: 503, title: 'Not possible now', body });
    }
  };
}

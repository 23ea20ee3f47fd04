/** How people and programs get tokens from a realm. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly id_token: string;
}

export interface Person {
  readonly username: string;
  readonly password: string;
}

/** Asks the realm's token endpoint. */
export async function askForTokens(
  issuer: string,
  form: Readonly<Record<string, string>>,
): Promise<Response> {
  return fetch(`${issuer}/protocol/openid-connect/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
  });
}

async function tokensFrom(answer: Promise<Response>): Promise<Tokens> {
  const response = await answer;
  const body: unknown = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body as Tokens;
}

/** The password grant, for clients that are made for tests. */
export function signInDirectly(issuer: string, clientId: string, person: Person): Promise<Tokens> {
  return tokensFrom(
    askForTokens(issuer, { grant_type: 'password', client_id: clientId, scope: 'openid', ...person }),
  );
}

export function refresh(issuer: string, clientId: string, { refresh_token }: Tokens): Promise<Tokens> {
  return tokensFrom(
    askForTokens(issuer, { grant_type: 'refresh_token', client_id: clientId, refresh_token }),
  );
}

/**
 * The device grant (RFC 8628) with PKCE, as a command line asks for it and a person approves it in a browser: code,
 * name and password, "Yes".
 */
export async function signInByDevice(issuer: string, clientId: string, person: Person): Promise<Tokens> {
  const verifier = randomBytes(32).toString('base64url');
  const response = await fetch(`${issuer}/protocol/openid-connect/auth/device`, {
    method: 'POST',
    body: new URLSearchParams({
      client_id: clientId,
      scope: 'openid',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    }),
  });
  const device = (await response.json()) as { device_code: string; verification_uri_complete: string };
  assert.equal(response.status, 200, JSON.stringify(device));
  await approve(device.verification_uri_complete, person);
  return tokensFrom(
    askForTokens(issuer, {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      client_id: clientId,
      device_code: device.device_code,
      code_verifier: verifier,
    }),
  );
}

/** What the person does in the browser, from the address with the code in it. */
export async function approve(address: string, person: Person): Promise<void> {
  const browse = createBrowser();
  const login = await browse(address);
  const consent = await browse(actionOf(login), new URLSearchParams({ ...person }));
  const code = /name="code" value="([^"]*)"/.exec(consent.html)?.[1] ?? '';
  const end = await browse(actionOf(consent), new URLSearchParams({ code, accept: 'Yes' }));
  assert.match(end.url, /\/device\/status$/, 'the device was approved');
}

interface Page {
  readonly url: string;
  readonly html: string;
}

/** Where the page's form goes. */
function actionOf({ url, html }: Page): string {
  const action = /<form[^>]*\saction="([^"]+)"/.exec(html)?.[1];
  assert.ok(action !== undefined, `no form on ${url}`);
  return new URL(action.replaceAll('&amp;', '&'), url).href;
}

/** Follows redirects and keeps cookies; a form is posted, an address alone is got. */
type Browse = (address: string, form?: URLSearchParams) => Promise<Page>;

function createBrowser(): Browse {
  const cookies = new Map<string, string>();

  return async function browse(address: string, form?: URLSearchParams): Promise<Page> {
    const response = await fetch(address, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') },
      ...(form === undefined ? {} : { method: 'POST', body: form }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [name = '', value = ''] = cookie.split(';', 1)[0]!.split(/=(.*)/s);
      cookies.set(name, value);
    }
    const html = await response.text();
    const next = response.headers.get('location');
    return next === null ? { url: address, html } : browse(new URL(next, address).href);
  };
}

/**
 * Forms that are answered only from the page they were sent with: a secret in a cookie, its hash in the form, and the
 * browser's own word for where the form came from.
 */
import { hash } from 'node:crypto';
import type { Scope } from './request-scope.ts';

/** What a page's forms carry: only who has the cookie can tell it. */
export const formToken = (secret: string) => hash('sha256', `form\0${secret}`, 'base64url');

/**
 * The browser's own word, where it gives one: old ones give none, and have the cookie and the token.
 *
 * @param publicUrl absent: forms come from the host that they go to
 */
export function comesFromHere({ request: { headers } }: Scope, publicUrl: string | undefined): boolean {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return false;
  if (origin === undefined) return true;
  return publicUrl === undefined ? hostOf(origin) === host : origin === new URL(publicUrl).origin;
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}

export interface CookieOptions {
  /** Without the prefix that secure ones get. */
  readonly name: string;
  readonly publicUrl: string | undefined;
  /** What its values look like. */
  readonly shape: RegExp;
}

/** One cookie of the gateway's own: for this host alone, out of reach of scripts. */
export interface OwnCookie {
  /** Null where there is none that looks like one. */
  read(scope: Scope): string | null;
  /** The `set-cookie` header that gives it. */
  give(value: string, seconds: number): string;
  /** The one that takes it away. */
  readonly end: string;
}

export function createCookie({ name: plain, publicUrl, shape }: CookieOptions): OwnCookie {
  const isSecure = publicUrl?.startsWith('https:') === true;
  const name = isSecure ? `__Host-${plain}` : plain;
  // Lax, not Strict: the realm's redirect is a step from another site.
  const attributes = `Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`;
  return {
    read({ request }) {
      const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
      const value = pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
      return shape.test(value) ? value : null;
    },
    give: (value, seconds) => `${name}=${value}; Max-Age=${seconds}; ${attributes}`,
    end: `${name}=; Max-Age=0; ${attributes}`,
  };
}

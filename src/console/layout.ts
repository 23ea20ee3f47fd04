/** The frame around every page: what a browser may do with it, where one can go, and who is looking. */
import { type Html, html } from '../http/html.ts';
import { sendBytes } from '../http/reply.ts';
import type { Scope } from '../http/request-scope.ts';
import { ASSETS } from './assets.ts';
import type { Shown } from './parts.ts';

/** Nothing from elsewhere, nothing inline, never in a frame, never kept. */
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // With "no-referrer" browsers send their forms with the origin "null".
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'clipboard-write=(self), camera=(), geolocation=(), microphone=()',
  'cache-control': 'no-store',
};

/** Where one can go. */
export interface Place {
  readonly path: string;
  readonly name: string;
}

export interface Frame {
  /** Null before anyone has signed in. */
  readonly viewer: Viewer | null;
  readonly cookies?: readonly string[];
}

export interface Viewer {
  readonly user: string;
  readonly tier: string;
  readonly formToken: string;
  readonly places: readonly Place[];
  /** Empty for those who are none. */
  readonly operatorPlaces: readonly Place[];
}

export function sendConsolePage(scope: Scope, shown: Shown, { viewer, cookies = [] }: Frame): void {
  const { title, body, status = 200, refresh } = shown;
  const theme = themeOf(scope);
  const page = html`<!doctype html>
<html lang="en"${theme === null ? null : html` data-theme="${theme}"`}><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>${title} · LLM gateway</title><link rel="icon" href="${ASSETS.icon}" type="image/svg+xml">
<link rel="stylesheet" href="${ASSETS.style}"><script type="module" src="${ASSETS.script}"></script></head>
<body><a class="skip" href="#content">Skip to the content</a>
<header class="top"><a class="brand" href="/console">LLM gateway</a>${viewer === null ? null : toAccount(viewer)}
<button type="button" class="quiet" id="theme" hidden>Theme</button></header>
${viewer === null ? null : toMenu(viewer, scope.path)}
<main id="content" tabindex="-1"${refresh === undefined ? null : html` data-refresh="${refresh}"`}>
<h1>${title}</h1>
${body}</main></body></html>
`;
  if (cookies.length > 0) scope.response.setHeader('set-cookie', [...cookies]);
  sendBytes(scope, status, page.html, HEADERS);
}

/** Elsewhere, by GET, whatever brought the browser here. */
export function sendRedirect(scope: Scope, location: string, cookies: readonly string[] = []): void {
  if (cookies.length > 0) scope.response.setHeader('set-cookie', [...cookies]);
  sendBytes(scope, 303, '', { location, 'cache-control': 'no-store', 'referrer-policy': 'same-origin' });
}

const toAccount = ({ user, tier, formToken }: Viewer) =>
  html`<form class="account" method="post" action="/console/sign-out"><input type="hidden" name="token" value="${formToken}">
<span>${user} <span class="tag">${tier}</span></span> <button class="quiet">Sign out</button></form>`;

function toMenu({ places, operatorPlaces }: Viewer, path: string): Html {
  const operators =
    operatorPlaces.length === 0
      ? null
      : html`<nav aria-label="Operators"><ul>${operatorPlaces.map((place) => toLink(place, path))}</ul></nav>`;
  return html`<div class="menus"><nav aria-label="Yours"><ul>${places.map((place) => toLink(place, path))}</ul></nav>${operators}</div>`;
}

function toLink({ path, name }: Place, current: string): Html {
  const isHere = path === current || (path !== '/console' && current.startsWith(`${path}/`));
  return html`<li><a href="${path}"${isHere ? html` aria-current="page"` : null}>${name}</a></li>`;
}

/** What the visitor chose, told by a cookie of the page's own script; null: as their system. */
function themeOf({ request }: Scope): 'light' | 'dark' | null {
  const theme = /(?:^|;\s*)console-theme=(light|dark)(?:;|$)/.exec(request.headers.cookie ?? '')?.[1];
  return theme === 'light' || theme === 'dark' ? theme : null;
}

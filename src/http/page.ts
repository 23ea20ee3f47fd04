/** The few pages that people see: no script, nothing from elsewhere, never in a frame, never kept. */
import { createHash } from 'node:crypto';
import { type Html, html } from './html.ts';
import { sendBytes } from './reply.ts';
import type { Scope } from './request-scope.ts';

const STYLE = `
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:26rem;margin:12vh auto;padding:0 1rem}
h1{font-size:1.3rem}
code,.code{font:600 1.4rem/1.5 ui-monospace,monospace;letter-spacing:.1em}
input,select,button{font:inherit;padding:.5rem .8rem;border:1px solid #8888;border-radius:.4rem}
input{width:100%;box-sizing:border-box;text-transform:uppercase}
button{cursor:pointer;margin:1rem .5rem 0 0}
button.main{background:#1a5fb4;color:#fff;border-color:#1a5fb4}
.note{color:#888;font-size:.9rem}`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // With "no-referrer" browsers send their forms with the origin "null".
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
};

export interface Page {
  readonly status?: number;
  readonly title: string;
  readonly body: Html;
  /** Where the browser goes on to by itself. */
  readonly next?: string;
  readonly cookie?: string | undefined;
}

export function sendPage(scope: Scope, { status = 200, title, body, next, cookie }: Page): void {
  // Not a redirect: Chromium holds those that follow a form to the policy above, wherever they lead.
  const refresh = next === undefined ? html`` : html`<meta http-equiv="refresh" content="0;url=${next}">`;
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${refresh}
<title>${title}</title><style>${{ html: STYLE }}</style></head><body><h1>${title}</h1>
${body}</body></html>
`;
  sendBytes(scope, status, page.html, { ...HEADERS, ...(cookie !== undefined && { 'set-cookie': cookie }) });
}

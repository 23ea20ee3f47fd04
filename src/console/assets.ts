/** Style, script and icon: files of our own, under names that change with their content, so that browsers keep them. */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { GatewayError } from '../errors.ts';
import { sendBytes } from '../http/reply.ts';
import type { Scope } from '../http/request-scope.ts';

interface Asset {
  readonly path: string;
  readonly type: string;
  readonly body: Uint8Array;
}

function readAsset(name: string, extension: string, type: string): Asset {
  const body = readFileSync(new URL(`./assets/${name}.${extension}`, import.meta.url));
  const version = hash('sha256', body, 'hex').slice(0, 16);
  return { path: `/console/assets/${name}.${version}.${extension}`, type, body };
}

const STYLE = readAsset('console', 'css', 'text/css; charset=utf-8');
const SCRIPT = readAsset('console', 'js', 'text/javascript; charset=utf-8');
const ICON = readAsset('icon', 'svg', 'image/svg+xml');
const BY_PATH = new Map([STYLE, SCRIPT, ICON].map((asset) => [asset.path, asset]));

/** Where pages find them. */
export const ASSETS = { style: STYLE.path, script: SCRIPT.path, icon: ICON.path };

/** @throws GatewayError `route_not_found` */
export function sendAsset(scope: Scope): void {
  const asset = BY_PATH.get(scope.path);
  if (asset === undefined) throw new GatewayError('route_not_found', 'There is no such file.');
  sendBytes(scope, 200, asset.body, {
    'content-type': asset.type,
    'cache-control': 'public, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    // An icon that is opened by itself is a document.
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  });
}

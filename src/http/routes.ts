/** Every URL of the product, in one table. */
import { GatewayError } from '../errors.ts';
import type { Scope } from './request-scope.ts';

export type Handler = (scope: Scope) => Promise<void> | void;

/** One row: an exact path, or everything below it, and what each method does. */
export interface RouteRow {
  readonly path: string;
  /** Also matches what lies below the path. */
  readonly below?: true;
  readonly methods: Readonly<Record<string, Handler>>;
}

/** The handlers that the table is filled with. */
export interface Handlers {
  readonly messages: Handler;
  readonly chatCompletions: Handler;
  readonly responses: Handler;
  readonly countTokens: Handler;
  readonly inputTokens: Handler;
  readonly readResponse: Handler;
  readonly deleteResponse: Handler;
  readonly models: Handler;
  readonly quota: Handler;
  readonly usageDisplay: Handler;
  readonly health: Handler;
  readonly livez: Handler;
  readonly readyz: Handler;
  readonly hello: Handler;
  readonly identity: IdentityHandlers;
  /** The operators' API, where somebody may use it. */
  readonly admin?: Handler;
  /** Pages for people, where they are wanted. */
  readonly console?: Handler;
  /** Where the metrics have no port of their own. */
  readonly metrics?: Handler;
}

/** Who somebody is, and what they hold. */
export interface IdentityHandlers {
  readonly keys: { readonly list: Handler; readonly create: Handler; readonly revoke: Handler };
  readonly managedSettings: Handler;
  readonly telemetry: Handler;
  /** With Keycloak. */
  readonly backchannelLogout?: Handler;
  /** With Keycloak and a public address. */
  readonly protectedResource?: Handler;
  /** Where everything is configured that it needs. */
  readonly signIn?: SignInHandlers;
}

/** Sign-in through the gateway's own pages. */
export interface SignInHandlers {
  readonly metadata: Handler;
  readonly deviceAuthorization: Handler;
  readonly token: Handler;
  readonly revoke: Handler;
  readonly pages: {
    readonly start: Handler;
    readonly leave: Handler;
    readonly arrive: Handler;
    readonly decide: Handler;
  };
}

function identityRoutes(handlers: IdentityHandlers): readonly RouteRow[] {
  const { keys, managedSettings, telemetry, backchannelLogout, protectedResource, signIn } = handlers;
  return [
    { path: '/auth/keys', methods: { GET: keys.list, POST: keys.create } },
    { path: '/auth/keys', below: true, methods: { DELETE: keys.revoke } },
    { path: '/managed/settings', methods: { GET: managedSettings } },
    { path: '/v1/metrics', methods: { POST: telemetry } },
    { path: '/v1/logs', methods: { POST: telemetry } },
    { path: '/v1/traces', methods: { POST: telemetry } },
    ...(backchannelLogout === undefined
      ? []
      : [{ path: '/auth/backchannel-logout', methods: { POST: backchannelLogout } }]),
    ...(protectedResource === undefined
      ? []
      : [{ path: '/.well-known/oauth-protected-resource', methods: { GET: protectedResource } }]),
    ...(signIn === undefined ? [] : signInRoutes(signIn)),
  ];
}

function signInRoutes({ metadata, deviceAuthorization, token, revoke, pages }: SignInHandlers) {
  return [
    { path: '/.well-known/oauth-authorization-server', methods: { GET: metadata } },
    { path: '/oauth/device_authorization', methods: { POST: deviceAuthorization } },
    { path: '/oauth/token', methods: { POST: token } },
    { path: '/oauth/revoke', methods: { POST: revoke } },
    { path: '/device', methods: { GET: pages.start, POST: pages.leave } },
    { path: '/oauth/callback', methods: { GET: pages.arrive } },
    { path: '/device/decision', methods: { POST: pages.decide } },
  ];
}

/** `HEAD` is answered wherever `GET` is. */
export function toRoutes(handlers: Handlers): readonly RouteRow[] {
  const { hello, identity, admin, console: pages, metrics } = handlers;
  return [
    { path: '/v1/messages', methods: { POST: handlers.messages } },
    { path: '/v1/messages/count_tokens', methods: { POST: handlers.countTokens } },
    { path: '/v1/chat/completions', methods: { POST: handlers.chatCompletions } },
    { path: '/v1/responses', methods: { POST: handlers.responses } },
    { path: '/v1/responses/input_tokens', methods: { POST: handlers.inputTokens } },
    {
      path: '/v1/responses',
      below: true,
      methods: { GET: handlers.readResponse, DELETE: handlers.deleteResponse },
    },
    { path: '/v1/models', below: true, methods: { GET: handlers.models } },
    { path: '/quota', methods: { GET: handlers.quota } },
    { path: '/api/oauth/usage', methods: { GET: handlers.usageDisplay } },
    ...identityRoutes(identity),
    ...(admin === undefined
      ? []
      : [{ path: '/admin/v1', below: true, methods: { GET: admin, POST: admin } } as const]),
    ...(pages === undefined
      ? []
      : [{ path: '/console', below: true, methods: { GET: pages, POST: pages } } as const]),
    { path: '/health', methods: { GET: handlers.health } },
    { path: '/livez', methods: { GET: handlers.livez } },
    { path: '/readyz', methods: { GET: handlers.readyz } },
    { path: '/', methods: { GET: hello } },
    // Claude Code asks these at its start, the second one where the base address ends in /v1.
    { path: '/api/hello', methods: { GET: hello } },
    { path: '/v1/api/hello', methods: { GET: hello } },
    ...(metrics === undefined ? [] : [{ path: '/metrics', methods: { GET: metrics } }]),
  ];
}

/**
 * Finds the handler of a request.
 *
 * @throws GatewayError `route_not_found`, `method_not_allowed` (with `allow`)
 */
export function matchRoute(routes: readonly RouteRow[], method: string, path: string): Handler {
  const row = routes.find((one) => one.path === path || (one.below && path.startsWith(`${one.path}/`)));
  if (row === undefined) {
    throw new GatewayError('route_not_found', 'There is nothing at this path; GET / lists the endpoints.');
  }
  const wanted = method === 'HEAD' && !Object.hasOwn(row.methods, 'HEAD') ? 'GET' : method;
  const handler = Object.hasOwn(row.methods, wanted) ? row.methods[wanted] : undefined;
  if (handler !== undefined) return handler;
  const allow = Object.keys(row.methods).join(', ');
  throw new GatewayError('method_not_allowed', `This path takes ${allow} only.`, { headers: { allow } });
}

/** Says what this is; Claude Code's `HEAD` at start only wants a quick 200. */
export function helloBody(routes: readonly RouteRow[]) {
  const endpoints = routes.flatMap((row, index) => {
    // Where an earlier row has the path itself, this one is about what lies below.
    const isBelowOnly = routes.findIndex(({ path }) => path === row.path) < index;
    const path = isBelowOnly ? `${row.path}/{id}` : row.path;
    return Object.keys(row.methods).map((method) => `${method} ${path}`);
  });
  return { name: 'llm-gateway', endpoints };
}

/** A route as response headers. PURE. */
import type { Route } from '../types.ts';

/** Which model was asked for, which served, why, and by whom. */
export function routeHeaders(
  route: Route,
  backend: string,
  dropped: readonly string[] = [],
): Record<string, string> {
  return {
    ...modelHeaders(route),
    'x-gateway-route-reason': route.reason,
    'x-gateway-backend': backend,
    ...(dropped.length > 0 && { 'x-gateway-dropped': printable(dropped.join(', ')) }),
  };
}

/** Which model was asked for and which serves; also said where no backend answered. */
export function modelHeaders({ requested, served }: Route): Record<string, string> {
  return {
    'x-gateway-model-requested': printable(requested),
    'x-gateway-model-served': printable(served),
  };
}

/** Header values carry visible ASCII only; names of dropped fields come from the client, of models from a backend. */
const printable = (text: string) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 512);

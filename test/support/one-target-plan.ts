import { DEFAULT_TIERS } from '../../src/config/default-plan.ts';

const firstOf = (to: string | readonly string[]) => (typeof to === 'string' ? to : to[0]);

/**
 * The default plan without second targets, as YAML: whoever is asked is asked alone. For tests of what a client sees
 * of a backend that fails.
 */
export const ONE_TARGET_PLAN = `tiers: ${JSON.stringify(
  Object.fromEntries(
    Object.entries(DEFAULT_TIERS).map(([name, tier]) => [
      name,
      { ...tier, routes: tier.routes.map(({ match, to }) => ({ match, to: firstOf(to) })) },
    ]),
  ),
)}\n`;

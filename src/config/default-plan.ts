/**
 * The plan used when the file has no `tiers`: one table, in the form a person would write it.
 *
 * | tier | requests a day | models |
 * |---|---|---|
 * | free | 10 | internal; every Claude and GPT name is served by the internal model |
 * | pro | 1,000 | internal and Claude Haiku; other Claude names become Haiku, GPT names the internal model |
 * | enterprise | unlimited | all, as asked |
 */
export const DEFAULT_TIERS = {
  free: {
    rank: 0,
    requestsPerDay: 10,
    routes: [
      { match: 'models-of:internal', to: 'internal' },
      { match: 'claude', to: 'internal/default' },
      { match: 'gpt', to: 'internal/default' },
    ],
  },
  pro: {
    rank: 10,
    requestsPerDay: 1000,
    routes: [
      { match: 'models-of:internal', to: 'internal' },
      { match: 'claude:haiku', to: ['claude', 'internal/default'] },
      { match: 'claude', to: ['claude/claude-haiku-5-5', 'internal/default'] },
      { match: 'gpt', to: 'internal/default' },
    ],
  },
  enterprise: {
    rank: 20,
    requestsPerDay: null,
    routes: [
      { match: 'models-of:internal', to: 'internal' },
      { match: 'claude', to: ['claude', 'internal/default'] },
      { match: 'gpt', to: ['openai', 'internal/default'] },
      { match: 'models-of:openai', to: 'openai' },
      { match: 'axon/*', to: 'axon' },
      { match: 'models-of:axon', to: 'axon' },
    ],
  },
};

/**
 * How a Keycloak token tells its tier when the file does not say: by role of the client `llm-gateway`, by realm role
 * or by group, all with the same names.
 */
export const DEFAULT_TIER_RULES = [
  {
    claim: 'resource_access.llm-gateway.roles',
    values: { 'tier-free': 'free', 'tier-pro': 'pro', 'tier-enterprise': 'enterprise' },
  },
  {
    claim: 'realm_access.roles',
    values: { 'tier-free': 'free', 'tier-pro': 'pro', 'tier-enterprise': 'enterprise' },
  },
  {
    claim: 'groups',
    values: {
      '/tier-free': 'free',
      '/tier-pro': 'pro',
      '/tier-enterprise': 'enterprise',
      'tier-free': 'free',
      'tier-pro': 'pro',
      'tier-enterprise': 'enterprise',
    },
  },
];

/** Service keys by the tier of who makes them, when the file does not say. */
export const DEFAULT_SERVICE_KEYS = {
  pro: { most: 2, requestsPerDay: 100 },
  enterprise: { most: 10, requestsPerDay: 1000 },
};

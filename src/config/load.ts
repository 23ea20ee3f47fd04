/**
 * File and environment to one checked configuration, or every problem at once, each naming its key.
 */
import { isMap, isScalar, parseDocument } from 'yaml';
import type { z } from 'zod';
import { isPrivateAddress } from '../protocol/private-address.ts';
import { DEFAULT_SERVICE_KEYS } from './default-plan.ts';
import { type EnvironmentReading, readEnvironment, reasonOf, variableFor } from './environment.ts';
import { nearest } from './nearest.ts';
import { type Config, configSchema } from './schema.ts';

/** One thing that is wrong, said so that the person finds the place. */
export interface ConfigProblem {
  /** The variable or the dotted path in the file. */
  readonly key: string;
  readonly message: string;
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** What loading needs from the process. */
export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
}

/** Exit status for a wrong configuration (sysexits `EX_CONFIG`). */
export const EXIT_CONFIG = 78;

type Tree = Record<string, unknown>;

/** Loads `GATEWAY_CONFIG` (if set) and lays the environment over it. Never throws. */
export function loadConfig(sources: ConfigSources): ConfigResult {
  const environment = readEnvironment(sources.env, sources.readFile);
  const file = readConfigFile(sources);
  const tree = overlay(file.tree, environment);
  const parsed = configSchema.safeParse(tree, { reportInput: true });
  const issues = parsed.success ? [] : parsed.error.issues;
  const sound = parsed.success ? parsed : configSchema.safeParse(without(tree, issues));
  const problems = [
    ...file.problems,
    ...environment.problems,
    ...issues.flatMap((issue) => describeIssue(issue, environment)),
    ...(sound.success ? describeReferences(sound.data, environment) : []),
  ];
  if (parsed.success && problems.length === 0) return { ok: true, config: parsed.data };
  return { ok: false, problems: firstPerKey(problems) };
}

/** The tree less its faulty entries, so that what the sound ones say of each other is checked in the same run. */
function without(tree: Tree, issues: readonly z.core.$ZodIssue[]): Tree {
  const result = structuredClone(tree);
  for (const issue of issues) {
    const path = issue.path.map(String);
    const faulty = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path];
    for (const one of faulty) removeAt(result, toRemovable(one));
  }
  return result;
}

/** The nearest place that can go: a named entry of a record, a whole list, else the option itself. */
function toRemovable(path: readonly string[]): readonly string[] {
  if (path[0] === 'backends' || path[0] === 'tiers') return path.slice(0, 2);
  const index = path.findIndex((segment) => /^\d+$/.test(segment));
  return index < 0 ? path : path.slice(0, index);
}

function removeAt(tree: Tree, path: readonly string[]): void {
  const [head, ...rest] = path;
  if (head === undefined) return;
  const child = tree[head];
  if (rest.length === 0 || typeof child !== 'object' || child === null) delete tree[head];
  else removeAt(child as Tree, rest);
}

/** One complaint per key: the first is the most exact. */
function firstPerKey(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return [...new Map([...problems].reverse().map((problem) => [problem.key, problem])).values()].reverse();
}

function readConfigFile({ env, readFile }: ConfigSources): { tree: Tree; problems: ConfigProblem[] } {
  const path = env.GATEWAY_CONFIG ?? '';
  const wrong = (message: string) => ({ tree: {}, problems: [{ key: 'GATEWAY_CONFIG', message }] });
  if (path === '') return { tree: {}, problems: [] };
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    return wrong(`cannot read "${path}": ${reasonOf(error)}`);
  }
  const document = parseDocument(text, { prettyErrors: false });
  const broken = document.errors[0];
  if (broken !== undefined) {
    const line = text.slice(0, broken.pos[0]).split('\n').length;
    return wrong(`"${path}" is not valid YAML at line ${line} (${broken.code})`);
  }
  if (document.contents === null) return { tree: {}, problems: [] };
  if (isScalar(document.contents) || !isMap(document.contents)) {
    return wrong(`"${path}" must be a mapping of sections such as "server:" and "backends:"`);
  }
  return { tree: document.toJS() as Tree, problems: [] };
}

/** The environment wins over the file; what a variable merely implies fills gaps only. */
function overlay(tree: Tree, environment: EnvironmentReading): Tree {
  const result = structuredClone(tree);
  const strongFirst = [...environment.values].sort((a, b) => Number(a.weak) - Number(b.weak));
  for (const { path, value, weak } of strongFirst) setAt(result, path, value, weak);
  return result;
}

function setAt(tree: Tree, path: readonly string[], value: unknown, onlyIfAbsent: boolean): void {
  let node = tree;
  for (const segment of path.slice(0, -1)) {
    const child = node[segment] ?? {};
    // A scalar where a section belongs stays, so that the schema complains about what was written.
    if (typeof child !== 'object' || Array.isArray(child)) return;
    node[segment] = child;
    node = child as Tree;
  }
  const last = path.at(-1) ?? '';
  if (onlyIfAbsent && node[last] !== undefined) return;
  node[last] = value;
}

function describeIssue(issue: z.core.$ZodIssue, { origin }: EnvironmentReading): ConfigProblem[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((name) => ({
      key: [...path, name].join('.'),
      message: unknownKeyMessage(name, knownKeysAt(configSchema, path)),
    }));
  }
  const absent = issue.input === undefined && issue.code !== 'custom';
  return [{ key: keyFor(path, origin, absent), message: absent ? 'is required' : issueMessage(issue, path) }];
}

function issueMessage(issue: z.core.$ZodIssue, path: readonly string[]): string {
  if (path.join('.') === 'auth.static.keys') return 'expected <key>=<user>:<tier>, separated by commas';
  if (issue.code === 'invalid_union') return unionMessage(issue);
  return issue.message.replace(/^Invalid (input|option): /, '');
}

/** What the person wrote: the variable, where one set it (or would), else the path in the file. */
function keyFor(path: readonly string[], origin: ReadonlyMap<string, string>, absent = false): string {
  const wouldSet = absent ? variableFor(path) : null;
  return nearestOrigin(path, origin) ?? wouldSet ?? (path.join('.') || 'GATEWAY_CONFIG');
}

/** `STATIC_KEYS` for a complaint about `auth.static.keys.2.tier`. */
function nearestOrigin(path: readonly string[], origin: ReadonlyMap<string, string>): string | undefined {
  for (let length = path.length; length > 0; length--) {
    const name = origin.get(path.slice(0, length).join('.'));
    if (name !== undefined) return name;
  }
  return undefined;
}

function unionMessage(issue: z.core.$ZodIssueInvalidUnion): string {
  const first = issue.errors.flat().find((inner) => inner.code === 'custom' || inner.code === 'too_small');
  return first?.message ?? 'has a wrong shape';
}

function unknownKeyMessage(name: string, known: readonly string[]): string {
  const guess = nearest(name, known);
  return guess === null
    ? `is not a known key; known here: ${known.join(', ')}`
    : `is not a known key; did you mean "${guess}"?`;
}

/** The keys that the schema knows at a path, through wrappers, records and lists. */
function knownKeysAt(schema: unknown, path: readonly string[]): readonly string[] {
  const definition = unwrap(schema);
  const [head, ...rest] = path;
  if (head === undefined) return Object.keys(definition.shape ?? {});
  return knownKeysAt(definition.shape?.[head] ?? definition.valueType ?? definition.element, rest);
}

interface Definition {
  readonly shape?: Readonly<Record<string, unknown>>;
  readonly valueType?: unknown;
  readonly element?: unknown;
  readonly innerType?: unknown;
  readonly in?: unknown;
}

function unwrap(schema: unknown): Definition {
  const definition = ((schema as { def?: Definition } | undefined)?.def ?? {}) as Definition;
  const inner = definition.innerType ?? definition.in;
  return inner === undefined ? definition : unwrap(inner);
}

const KINDS = ['internal', 'claude', 'openai', 'axon'];

function describeReferences(config: Config, { origin }: EnvironmentReading): ConfigProblem[] {
  return checkReferences(config).map(({ key, message }) => ({
    key: keyFor(key.split('.'), origin),
    message,
  }));
}

/** What one option says about another: tiers and backends must exist, Keycloak needs its addresses. */
function checkReferences(config: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const tiers = Object.keys(config.tiers);
  const needTier = (key: string, tier: string) => {
    if (tiers.includes(tier)) return;
    problems.push({ key, message: unknownTier(tier, config.tiers) });
  };
  const { keycloak, provider } = config.auth;
  if (provider === 'keycloak' && keycloak.url === undefined && keycloak.realms.length === 0) {
    problems.push({ key: 'KEYCLOAK_URL', message: 'is required when AUTH_PROVIDER is "keycloak"' });
  }
  const usesDefaultTier = provider === 'keycloak' && keycloak.defaultTier !== null;
  if (usesDefaultTier) needTier('auth.keycloak.defaultTier', keycloak.defaultTier ?? '');
  for (const [index, tier] of config.admin.tiers.entries()) needTier(`admin.tiers.${index}`, tier);
  if (provider === 'keycloak') checkTierRules(config, needTier);
  for (const [index, entry] of (config.auth.static.keys ?? []).entries()) {
    needTier(`auth.static.keys.${index}.tier`, entry.tier);
  }
  return [
    ...problems,
    ...checkRealms(config),
    ...checkAsking(config),
    ...checkTargets(config),
    ...checkLogins(config),
  ];
}

/** Whoever is to ask a realm needs a client for it; what is said by tier needs the tier. */
function checkAsking({ auth: { keycloak, keys, signIn }, tiers }: Config): ConfigProblem[] {
  const { url, service, introspection, realms } = keycloak;
  const silent = [
    ...(url !== undefined && service === undefined ? ['auth.keycloak.service'] : []),
    ...realms.flatMap((realm, index) =>
      realm.service === undefined ? [`auth.keycloak.realms.${index}.service`] : [],
    ),
  ];
  const known = [...Object.keys(tiers), ...Object.keys(DEFAULT_SERVICE_KEYS), 'default'];
  const named = [
    ...Object.keys(keys.services).map((tier) => ['auth.keys.services', tier] as const),
    ...Object.keys(signIn.managedSettings).map((tier) => ['auth.signIn.managedSettings', tier] as const),
  ];
  return [
    ...(introspection === 'off' ? [] : silent).map((key) => ({
      key,
      message: `is required when auth.keycloak.introspection is "${introspection}"`,
    })),
    ...named.flatMap(([key, tier]) =>
      known.includes(tier) ? [] : [{ key: `${key}.${tier}`, message: unknownTier(tier, tiers) }],
    ),
    ...(keys.days > keys.mostDays
      ? [{ key: 'auth.keys.days', message: `is more than auth.keys.mostDays (${keys.mostDays})` }]
      : []),
  ];
}

const unknownTier = (tier: string, tiers: Config['tiers']) =>
  `"${tier}" is not a tier; the tiers are ${Object.keys(tiers).join(', ')}`;

/** An issuer named twice would be checked by the settings of one of the two, and nobody could tell which. */
function checkRealms({ auth: { keycloak } }: Config): ConfigProblem[] {
  const urls = [keycloak.url, ...keycloak.realms.map(({ url }) => url)];
  return keycloak.realms.flatMap(({ url }, index) =>
    urls.indexOf(url) > index
      ? []
      : [{ key: `auth.keycloak.realms.${index}.url`, message: `"${url}" is named twice` }],
  );
}

function checkTierRules(config: Config, needTier: (key: string, tier: string) => void): void {
  for (const [index, rule] of config.auth.keycloak.tiers.entries()) {
    for (const [value, tier] of Object.entries(rule.values)) {
      needTier(`auth.keycloak.tiers.${index}.values.${value}`, tier);
    }
  }
}

function checkTargets(config: Config): ConfigProblem[] {
  const known = [...new Set([...KINDS, ...Object.keys(config.backends)])];
  return Object.entries(config.tiers).flatMap(([name, tier]) =>
    tier.routes.flatMap((route, index) =>
      route.to
        .filter((target) => !known.includes(target.backend))
        .map((target) => ({
          key: `tiers.${name}.routes.${index}.to`,
          message: unknownKeyMessage(target.backend, known).replace('a known key', 'a backend'),
        })),
    ),
  );
}

/** A caller's own login goes to Claude only where nobody on the way can read it. */
function checkLogins({ tiers, backends }: Config): ConfigProblem[] {
  const isOpen = (name: string) => {
    const backend = backends[name];
    return backend?.kind === 'claude' && !backend.url.every(isPrivateAddress);
  };
  return Object.entries(tiers).flatMap(([name, { routes }]) =>
    routes.flatMap(({ passthrough, to }, index) => {
      const open = passthrough === undefined ? undefined : to.find(({ backend }) => isOpen(backend));
      if (open === undefined) return [];
      const message = `would send callers' own logins in the clear: "${open.backend}" needs an https:// address`;
      return [{ key: `tiers.${name}.routes.${index}.passthrough`, message }];
    }),
  );
}

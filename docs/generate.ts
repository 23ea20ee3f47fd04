/**
 * Writes `docs/configuration.md` from the schema of the configuration file and the table of variables, and
 * `docs/metrics.md` from the metrics themselves: `npm run docs`. Tests fail when a page is not what this would write.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { z } from 'zod';
import { DEFAULT_TIER_RULES, DEFAULT_TIERS } from '../src/config/default-plan.ts';
import { VARIABLES } from '../src/config/environment.ts';
import { configSchema } from '../src/config/schema.ts';
import { createMetrics, type Described } from '../src/observe/metrics.ts';

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** The page as it should be. */
export function configurationPage(): string {
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return [
    '# Configuration',
    '',
    'Everything can be set in a YAML file named by `GATEWAY_CONFIG`; the variables below win over the file. Every',
    'option has a default. Unknown keys are errors. All problems are reported at once, and the process exits with 78.',
    'This page is generated from the schema (`npm run docs`).',
    '',
    '## Variables',
    '',
    '| variable | sets |',
    '|---|---|',
    ...Object.entries(VARIABLES).map(([name, { path, secret }]) => {
      const file = secret === true ? `, \`${name}_FILE\`` : '';
      return `| \`${name}\`${file} | \`${path.join('.')}\` |`;
    }),
    '| `GATEWAY_CONFIG` | the path of the file |',
    '',
    '## File',
    '',
    '| option | type | default | meaning |',
    '|---|---|---|---|',
    ...rows(schema, ''),
    '',
    'Profile fields are explained in `src/protocol/profile.ts`.',
    '',
    '## The default plan',
    '',
    '```yaml',
    stringify({ tiers: DEFAULT_TIERS }).trimEnd(),
    '```',
    '',
    '## How Keycloak tokens become tiers by default',
    '',
    '```yaml',
    stringify({ auth: { keycloak: { tiers: DEFAULT_TIER_RULES } } }).trimEnd(),
    '```',
    '',
  ].join('\n');
}

function rows(schema: JsonSchema, path: string): string[] {
  const { properties, additionalProperties, items } = schema;
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([name, one]) =>
      optionRows(one, path === '' ? name : `${path}.${name}`),
    );
  }
  if (typeof additionalProperties === 'object') return rows(additionalProperties, `${path}.<name>`);
  if (items?.properties !== undefined) return rows(items, `${path}[]`);
  return [];
}

function optionRows(schema: JsonSchema, path: string): string[] {
  const inner = rows(schema, path);
  const own = `| \`${path}\` | ${typeOf(schema)} | ${defaultOf(schema)} | ${cell(schema.description ?? '')} |`;
  return inner.length > 0 && schema.description === undefined ? inner : [own, ...inner];
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === 'object') return schema.properties === undefined ? 'mapping' : 'section';
  return String(schema.type ?? 'text');
}

function defaultOf({ default: value }: JsonSchema): string {
  if (value === undefined) return '';
  return typeof value === 'object' && value !== null ? 'below' : `\`${JSON.stringify(value)}\``;
}

const cell = (text: string) => text.replaceAll('|', '\\|');

/** The page of the metrics as it should be. */
export function metricsPage(): string {
  const all = createMetrics({ clock: Date.now }).describe();
  const own = all.filter(({ name }) => name.startsWith('gateway_'));
  const genAi = all.filter(({ name }) => name.startsWith('gen_ai_'));
  const rest = all.filter((one) => !own.includes(one) && !genAi.includes(one));
  return [
    '# Metrics',
    '',
    'What `GET /metrics` shows, on `METRICS_PORT`. Labels are bounded: tiers, backends and issuers come from the',
    'configuration, users are hashes of a limited number, model names beyond a limit become `other`',
    '([limits](limits.md)). This page is generated from the metrics themselves (`npm run docs`).',
    '',
    '## The gateway’s own',
    '',
    ...metricRows(own),
    '',
    '## By OpenTelemetry’s GenAI conventions',
    '',
    'The same requests under the names that dashboards of others look for. The gateway is a server to its callers and a',
    'client of its backends; `gen_ai_request_model` is the model that the backend was asked for.',
    '',
    ...metricRows(genAi),
    '',
    '## Of the process',
    '',
    ...metricRows(rest),
    '',
    '## Exemplars',
    '',
    'Where traces are on (`observability.traces.url`), the text is OpenMetrics and buckets of durations name the trace of',
    'a request that fell into them, as `trace_id`. Prometheus keeps them with `--enable-feature=exemplar-storage`.',
    '',
  ].join('\n');
}

function metricRows(all: readonly Described[]): string[] {
  return [
    '| metric | type | labels | meaning |',
    '|---|---|---|---|',
    ...all.map(
      ({ name, type, labels, help }) =>
        `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${cell(help)} |`,
    ),
  ];
}

function keepCurrent(name: string, page: string): void {
  const file = new URL(name, import.meta.url);
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (before !== page) writeFileSync(file, page);
}

if (process.argv[1]?.endsWith('generate.ts')) {
  keepCurrent('configuration.md', configurationPage());
  keepCurrent('metrics.md', metricsPage());
}

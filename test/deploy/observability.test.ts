import assert from 'node:assert/strict';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { DASHBOARDS, toGrafana, toText } from '../../deploy/observability/dashboards.ts';
import { createMetrics } from '../../src/observe/metrics.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'deploy/observability');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly record?: string;
      readonly alert?: string;
      readonly expr: string;
      readonly annotations?: { readonly runbook_url: string };
    }[];
  }[];
}

const rules = (parse(read('deploy/observability/alerts.yaml')) as Rules).groups.flatMap(({ rules }) => rules);

/** Names that a scrape shows, with the suffixes of histograms. */
async function scrapedNames(): Promise<ReadonlySet<string>> {
  const metrics = createMetrics({ clock: Date.now });
  const { text } = await metrics.render();
  const names = new Set<string>();
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    names.add(name);
    if (type === 'histogram') for (const suffix of ['bucket', 'count', 'sum']) names.add(`${name}_${suffix}`);
  }
  return names;
}

test('the dashboards in the folder are those that the source describes', () => {
  for (const dashboard of DASHBOARDS)
    assert.equal(
      readFileSync(join(folder, dashboard.file), 'utf8'),
      toText(dashboard),
      'run: npm run dashboards',
    );
});

test('queries and alerts name metrics that the gateway shows', async () => {
  const known = await scrapedNames();
  const recorded = rules.flatMap(({ record }) => record ?? []);
  const queries = [
    ...DASHBOARDS.flatMap(({ panels }) => panels.flatMap((panel) => Object.values(panel.queries))),
    ...rules.map(({ expr }) => expr),
  ];
  const asked = queries.flatMap((query) => query.match(/\b(?:gateway|nodejs|process)[a-z0-9_:]+/g) ?? []);
  assert.ok(asked.length > 50);
  assert.deepEqual(
    asked.filter((name) => !known.has(name) && !recorded.includes(name)),
    [],
  );
});

test('every alert has a paragraph in the runbooks', () => {
  const headings = [...read('docs/runbooks.md').matchAll(/^## (\S+)$/gm)].map(([, name]) => name);
  const alerts = rules.flatMap(({ alert }) => alert ?? []);
  assert.deepEqual(headings, alerts);
  for (const { alert, annotations } of rules)
    if (alert !== undefined)
      assert.equal(annotations?.runbook_url, `docs/runbooks.md#${alert.toLowerCase()}`);
});

test('every alert is tested for firing and for silence', () => {
  const cases = read('deploy/observability/alerts.test.yaml');
  for (const { alert } of rules) {
    if (alert === undefined) continue;
    const expected = [...cases.matchAll(new RegExp(`alertname: ${alert}\\n\\s+exp_alerts:( \\[\\])?`, 'g'))];
    assert.ok(
      expected.some(([, none]) => none === undefined),
      `${alert} never fires in alerts.test.yaml`,
    );
    assert.ok(
      expected.some(([, none]) => none !== undefined),
      `${alert} is never silent in alerts.test.yaml`,
    );
  }
});

test('panels do not overlap and each says what to read from it', () => {
  for (const dashboard of DASHBOARDS) {
    const { panels } = toGrafana(dashboard);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)} ${y + Math.floor(index / w)}`),
    );
    assert.equal(new Set(cells).size, cells.length, dashboard.file);
    assert.ok(panels.every(({ gridPos: { x, w } }) => x + w <= 24));
    assert.ok(panels.every(({ description }) => description.length > 10));
  }
});

test('the chart carries these very files', () => {
  const files = join(root, 'deploy/helm/llm-gateway/files');
  for (const file of readdirSync(files)) assert.equal(realpathSync(join(files, file)), join(folder, file));
  assert.equal(readdirSync(files).length, DASHBOARDS.length + 1);
});

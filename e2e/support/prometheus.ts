/** A real Prometheus (Debian's `prometheus`) on a free loopback port, with its data in a folder of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../test/support/valkey-server.ts';

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

export interface Rule {
  readonly name: string;
  readonly type: 'alerting' | 'recording';
  readonly health: 'ok' | 'unknown' | 'err';
  readonly lastError?: string;
}

export interface Exemplar {
  readonly labels: Readonly<Record<string, string>>;
}

export interface Prometheus {
  /** What a query gives now. */
  query(text: string): Promise<readonly Sample[]>;
  /** What buckets of the last hour name. */
  exemplars(query: string): Promise<readonly Exemplar[]>;
  /** The loaded rules, as last evaluated. */
  rules(): Promise<readonly Rule[]>;
  close(): Promise<void>;
}

/** The program, or `null` where it is not installed. */
export function findPrometheus(): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, 'prometheus')).find((path) => existsSync(path)) ?? null;
}

/** @param targets `host:port` of the metrics to scrape each second, as the job `llm-gateway` */
export async function startPrometheus(
  program: string,
  targets: readonly string[],
  ruleFile: string,
): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-prometheus-'));
  const file = join(folder, 'prometheus.json');
  writeFileSync(
    file,
    JSON.stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [ruleFile],
      scrape_configs: [{ job_name: 'llm-gateway', static_configs: [{ targets }] }],
    }),
  );
  const origin = `http://127.0.0.1:${await freePort()}`;
  const child = spawn(
    program,
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${new URL(origin).host}`,
      '--enable-feature=exemplar-storage',
    ],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  await untilReady(`${origin}/-/ready`);

  async function ask<T>(path: string): Promise<T> {
    const answer = (await (await fetch(origin + path)).json()) as { status: string; error?: string; data: T };
    if (answer.status !== 'success') throw new Error(answer.error);
    return answer.data;
  }

  return {
    async query(text) {
      return (await ask<{ result: Sample[] }>(`/api/v1/query?query=${encodeURIComponent(text)}`)).result;
    },
    async exemplars(text) {
      const now = Date.now() / 1000;
      const found = await ask<{ exemplars: Exemplar[] }[]>(
        `/api/v1/query_exemplars?query=${encodeURIComponent(text)}&start=${now - 3600}&end=${now + 60}`,
      );
      return found.flatMap(({ exemplars }) => exemplars);
    },
    async rules() {
      const { groups } = await ask<{ groups: { rules: Rule[] }[] }>('/api/v1/rules');
      return groups.flatMap(({ rules }) => rules);
    },
    async close() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilReady(url: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const ready = await fetch(url).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) return;
    await pause(100);
  }
  throw new Error('Prometheus was not ready within 30 s');
}

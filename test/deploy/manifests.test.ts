import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';

const folder = join(import.meta.dirname, '../../deploy/k8s');

interface Named {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env: readonly Named[];
  readonly livenessProbe: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly readinessProbe: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly securityContext: Record<string, unknown>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: Record<string, unknown>;
  readonly containers: readonly [Container];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly data: Readonly<Record<string, string>>;
  readonly spec: { readonly replicas: number; readonly template: { readonly spec: PodSpec } };
}

const manifests = readdirSync(folder)
  .filter((file) => file === 'llm-gateway.yaml')
  .flatMap((file) => parseAllDocuments(readFileSync(join(folder, file), 'utf8')))
  .flatMap((document) => {
    assert.deepEqual(document.errors, []);
    const manifest = document.toJS() as Manifest | null;
    return manifest === null ? [] : [manifest];
  });

function manifest(kind: string, name: string): Manifest {
  const found = manifests.find((one) => one.kind === kind && one.metadata.name === name);
  assert.ok(found !== undefined, `there is no ${kind} "${name}"`);
  return found;
}

const deployment = manifest('Deployment', 'llm-gateway').spec;
const pod = deployment.template.spec;
const container = pod.containers[0];
const fill = (text: string) => text.replace(/<[a-z-]+>/g, 'x');

/** The environment and the file that a pod would see, with the names filled in that users fill in. */
function loadAsPod() {
  const env = Object.fromEntries(container.env.map(({ name, value }) => [name, fill(value ?? 'a-secret')]));
  return loadConfig({
    env,
    readFile: (path) => {
      assert.equal(path, '/etc/llm-gateway/gateway.yaml');
      return manifest('ConfigMap', 'llm-gateway').data['gateway.yaml'] ?? '';
    },
  });
}

test('everything lives in the namespace of the seeds', () => {
  assert.ok(manifests.length >= 9);
  assert.deepEqual([...new Set(manifests.map((one) => one.metadata.namespace))], ['ai-hub']);
});

test('the seeds’ manifest is kept: name, replicas, port, image, environment and secret keys', () => {
  assert.equal(deployment.replicas, 2);
  assert.equal(container.name, 'gateway');
  assert.equal(container.image, 'harbor.<location-code>.<sovereign-domain>/ai-hub/llm-gateway:latest');
  assert.ok(container.ports.some((port) => port.containerPort === 8000));
  const shown = Object.fromEntries(
    container.env.map(({ name, value, valueFrom }) => [
      name,
      value ?? `${valueFrom?.secretKeyRef.name}/${valueFrom?.secretKeyRef.key}`,
    ]),
  );
  assert.deepEqual(
    { ...shown, GATEWAY_CONFIG: '', GATEWAY_DATA_DIR: '', KEYCLOAK_AUDIENCE: '', PUBLIC_URL: '' },
    {
      INTERNAL_LLM_URL: 'http://vllm.ai-hub.svc:8000/v1',
      CLAUDE_API_KEY: 'gateway-secrets/claude-api-key',
      OPENAI_API_KEY: 'gateway-secrets/openai-api-key',
      QUOTA_REDIS_URL: 'redis://valkey.ai-hub.svc:6379',
      AUTH_PROVIDER: 'keycloak',
      KEYCLOAK_URL: 'https://keycloak.<location-code>.<sovereign-domain>/realms/<org>',
      KEYCLOAK_AUDIENCE: '',
      PUBLIC_URL: '',
      GATEWAY_CONFIG: '',
      GATEWAY_DATA_DIR: '',
    },
  );
});

test('the gateway accepts the configuration that a pod is given', () => {
  const loaded = loadAsPod();
  assert.deepEqual(loaded.ok ? [] : loaded.problems, []);
  assert.ok(loaded.ok);
  assert.deepEqual(Object.keys(loaded.config.backends).sort(), ['claude', 'internal', 'openai']);
  assert.deepEqual(
    Object.fromEntries(
      Object.entries(loaded.config.tiers).map(([name, tier]) => [name, tier.requestsPerDay]),
    ),
    { free: 10, pro: 1000, enterprise: null },
  );
  assert.equal(loaded.config.auth.provider, 'keycloak');
});

test('the plan written out is the default plan', () => {
  const asPod = loadAsPod();
  const byDefault = loadConfig({ env: {}, readFile: () => '' });
  assert.ok(asPod.ok && byDefault.ok);
  assert.deepEqual(asPod.config.tiers, byDefault.config.tiers);
});

test('ports, probes and folders are those of the configuration', () => {
  const loaded = loadAsPod();
  assert.ok(loaded.ok);
  const { server, dataDir } = loaded.config;
  assert.deepEqual(
    container.ports.map((port) => [port.name, port.containerPort]),
    [
      ['http', server.port],
      ['metrics', server.metricsPort],
    ],
  );
  assert.deepEqual(container.livenessProbe.httpGet, { path: '/livez', port: 'http' });
  assert.deepEqual(container.readinessProbe.httpGet, { path: '/readyz', port: 'http' });
  assert.ok(container.volumeMounts.some((mount) => mount.mountPath === dataDir));
});

test('a pod is given the time that its drain may take', () => {
  const loaded = loadAsPod();
  assert.ok(loaded.ok);
  const { drainDelaySeconds, drainSeconds } = loaded.config.server;
  assert.ok(pod.terminationGracePeriodSeconds >= drainDelaySeconds + drainSeconds + 15);
});

for (const [kind, name] of [
  ['Deployment', 'llm-gateway'],
  ['StatefulSet', 'valkey'],
] as const) {
  test(`${name} fits the restricted pod security standard`, () => {
    const { spec } = manifest(kind, name).spec.template;
    assert.equal(spec.securityContext.runAsNonRoot, true);
    assert.deepEqual(spec.securityContext.seccompProfile, { type: 'RuntimeDefault' });
    assert.equal(spec.automountServiceAccountToken, false);
    for (const one of spec.containers) {
      assert.deepEqual(one.securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });
}

test('Valkey never evicts a count and loses at most a second of them', () => {
  const args = manifest('StatefulSet', 'valkey').spec.template.spec.containers[0].args ?? [];
  const option = (name: string) => args[args.indexOf(name) + 1];
  assert.equal(option('--maxmemory-policy'), 'noeviction');
  assert.equal(option('--appendonly'), 'yes');
  assert.equal(option('--appendfsync'), 'everysec');
});

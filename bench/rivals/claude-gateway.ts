/**
 * Anthropic's `claude gateway`, from npm's claude-code: PostgreSQL behind it, an OpenID provider beside it. Sessions are
 * HS256 tokens under the secret of its configuration, so one is signed here in place of a person's sign-in.
 */
import { writeFileSync } from 'node:fs';
import { SignJWT } from 'jose';
import { startFakeIssuer } from '../../test/support/fake-issuer.ts';
import { type Contender, homeOf, type Missing, type Rig } from '../contenders/contender.ts';
import { CONTENDER_CORE, pinned } from '../process.ts';
import type { Workload } from '../workloads.ts';
import { startPostgres } from './postgres.ts';
import { onlyMessages, RIVALS_FOLDER, startRival } from './rival.ts';

const PROGRAM = `${RIVALS_FOLDER}/node_modules/@anthropic-ai/claude-code-linux-${process.arch}/claude`;
const SECRET = '0123456789abcdef0123456789abcdef';

export async function startClaudeGateway(rig: Rig): Promise<Contender | Missing> {
  const name = 'claude gateway 2.1.330';
  const postgres = await startPostgres(rig, name);
  if ('reason' in postgres) return postgres;
  const issuer = await startFakeIssuer();
  rig.closers.push(() => issuer.close());
  const port = await rig.freePort();
  const home = homeOf(rig, 'claude-gateway');
  const origin = `http://127.0.0.1:${port}`;
  // It takes "localhost" for a loopback address, and no numbers.
  const config = `listen: { host: 127.0.0.1, port: ${port}, public_url: "${origin}" }
oidc: { issuer: "${issuer.issuer.replace('127.0.0.1', 'localhost')}", client_id: bench, client_secret: bench }
session: { jwt_secret: "${SECRET}" }
store: { postgres_url: "${postgres.url}" }
upstreams:
  - { provider: anthropic, auth: { api_key: bench }, base_url: "http://localhost:${rig.mockPort}" }
`;
  writeFileSync(`${home}/gateway.yaml`, config);
  return startRival(rig, {
    name,
    port,
    launch: {
      command: pinned(CONTENDER_CORE, [PROGRAM, 'gateway', '--config', `${home}/gateway.yaml`]),
      // It would hold more than 256 requests back otherwise.
      env: { HOME: home, CLAUDE_GATEWAY_ALLOW_LOOPBACK: '1', BUN_CONFIG_MAX_HTTP_REQUESTS: '2048' },
      log: `${home}/output.log`,
    },
    config,
    readyPath: '/readyz',
    headers: { authorization: `Bearer ${await sessionOf(origin)}` },
    cannot,
    before: [postgres.launch],
  });
}

function sessionOf(issuer: string): Promise<string> {
  return new SignJWT({ email: 'bench@example.com', name: 'Bench', groups: [] })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject('bench')
    .setIssuer(issuer)
    .setAudience('claude-gateway')
    .setIssuedAt()
    .setExpirationTime('1d')
    .sign(new TextEncoder().encode(SECRET));
}

const cannot = (workload: Workload): string | null =>
  workload.translated ? 'serves Claude only' : onlyMessages(workload);

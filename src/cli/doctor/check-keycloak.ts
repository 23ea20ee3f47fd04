import { createTokenVerifier } from '../../auth/oidc.ts';
import type { Config } from '../../config/schema.ts';
import { GatewayError } from '../../errors.ts';
import type { Answer, Ask } from './ask.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

interface Checked {
  readonly findings: readonly Finding[];
  /** For the clock. */
  readonly answers: readonly Answer[];
}

type Document = Readonly<Record<string, unknown>>;

/** Looks at the discovery document and the keys of every realm, and at a sample token where there is one. */
export async function checkKeycloak({ auth }: Config, token: string | undefined, ask: Ask): Promise<Checked> {
  if (auth.provider !== 'keycloak') {
    const unasked =
      token === undefined ? [] : [warning('token', 'not looked at', 'Set AUTH_PROVIDER=keycloak.')];
    return { findings: [ok('keycloak', 'not used: static keys only'), ...unasked], answers: [] };
  }
  const { url, jwksUri, audience, realms } = auth.keycloak;
  const all = url === undefined ? realms : [{ url, jwksUri, audience }, ...realms];
  const checked = await Promise.all(all.map((realm) => checkRealm(realm.url, realm.jwksUri, ask)));
  const sample = token === undefined ? [] : [await checkToken(auth.keycloak, all, token)];
  return {
    findings: [...checked.flatMap(({ findings }) => findings), ...sample],
    answers: checked.flatMap(({ answers }) => answers),
  };
}

async function checkRealm(issuer: string, jwksUri: string | undefined, ask: Ask): Promise<Checked> {
  const discovery = await ask(`${issuer}/.well-known/openid-configuration`);
  const found = discovery.json as Document | undefined;
  if (discovery.status !== 200 || typeof found?.issuer !== 'string') {
    const seen = discovery.failure ?? `status ${discovery.status}`;
    const remedy = 'KEYCLOAK_URL must be the realm’s address, …/realms/<name>, as this machine reaches it.';
    return {
      findings: [problem('keycloak', `${issuer} gives no discovery document (${seen})`, remedy)],
      answers: [discovery],
    };
  }
  const findings: Finding[] = [];
  if (found.issuer !== issuer) {
    findings.push(
      problem(
        'keycloak',
        `the realm calls itself ${found.issuer}, the configuration says ${issuer}`,
        'Tokens carry the realm’s own name: set KEYCLOAK_URL to it, and auth.keycloak.jwksUri to the address inside.',
      ),
    );
  }
  if (typeof found.device_authorization_endpoint !== 'string') {
    findings.push(
      warning(
        'keycloak',
        'offers no device sign-in',
        'Switch the device grant on for the client llm-gateway.',
      ),
    );
  }
  const keys = await ask(jwksUri ?? String(found.jwks_uri));
  const signing = signingKeys(keys.json);
  findings.push(
    signing > 0
      ? ok(
          'keycloak',
          `${issuer} answers in ${discovery.ms} ms with ${signing} signing key${signing === 1 ? '' : 's'}`,
        )
      : problem(
          'keycloak',
          `no signing keys at ${jwksUri ?? found.jwks_uri} (${keys.failure ?? `status ${keys.status}`})`,
          'Set auth.keycloak.jwksUri to an address of the keys that the gateway can reach.',
        ),
  );
  return { findings, answers: [discovery, keys] };
}

function signingKeys(json: unknown): number {
  const { keys } = (json ?? {}) as { keys?: readonly { kty?: string; use?: string }[] };
  return Array.isArray(keys) ? keys.filter(({ kty, use }) => kty !== 'oct' && use !== 'enc').length : 0;
}

async function checkToken(
  keycloak: Config['auth']['keycloak'],
  realms: readonly {
    readonly url: string;
    readonly audience?: string | undefined;
    readonly jwksUri?: string | undefined;
  }[],
  token: string,
): Promise<Finding> {
  const issuer = issuerOf(token);
  const realm = realms.find(({ url }) => url === issuer);
  if (realm === undefined) {
    const told =
      issuer === null ? 'the sample is no JWT' : `the sample comes from ${issuer}, which is not configured`;
    return problem('token', told, 'Get one with `llm-gateway token`.');
  }
  const verifier = createTokenVerifier({
    issuer: realm.url,
    audience: realm.audience ?? keycloak.audience,
    jwksUri: realm.jwksUri,
    algorithms: keycloak.algorithms,
    clockSkewSeconds: keycloak.clockSkewSeconds,
    fetch,
    clock: Date.now,
  });
  try {
    const { expiresAt } = await verifier.verify(token);
    return ok('token', `accepted, for ${Math.round((expiresAt - Date.now()) / 60_000)} more minutes`);
  } catch (error) {
    const told = error instanceof GatewayError ? error.message : 'it could not be checked';
    return problem(
      'token',
      `refused: ${told}`,
      `Its aud must hold "${realm.audience ?? keycloak.audience}" and it must be an access token that has not ended.`,
    );
  } finally {
    verifier.close();
  }
}

function issuerOf(token: string): string | null {
  try {
    const { iss } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      iss?: unknown;
    };
    return typeof iss === 'string' ? iss : null;
  } catch {
    return null;
  }
}

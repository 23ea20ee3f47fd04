/** A Keycloak-shaped provider at which devices sign in (RFC 8628), whose tokens are renewed and revoked. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type FakeIssuer, startFakeIssuer } from './fake-issuer.ts';

export interface DeviceIssuer {
  readonly issuer: string;
  /** What the person does at each look of the device, the last one for ever. */
  decisions: ('wait' | 'slow' | 'approve' | 'deny')[];
  /** Seconds that access tokens are said to last. */
  expiresIn: number;
  /** How renewals are answered. */
  renewals: 'ok' | 'ended' | 'broken';
  /** Forms that were sent, by the last part of their path. */
  readonly forms: Readonly<Record<'device' | 'token' | 'revoke', URLSearchParams[]>>;
  close(): Promise<void>;
}

export const USER_CODE = 'WXYZ-BCDF';

export async function startDeviceIssuer(): Promise<DeviceIssuer> {
  let challenge = '';
  let serial = 0;
  const fake = await startFakeIssuer({ also });
  const base = `${fake.issuer}/protocol/openid-connect`;
  fake.behaviour.discovery = {
    kind: 'answer',
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      issuer: fake.issuer,
      jwks_uri: fake.jwksUri,
      authorization_endpoint: `${base}/auth`,
      token_endpoint: `${base}/token`,
      device_authorization_endpoint: `${base}/auth/device`,
      revocation_endpoint: `${base}/revoke`,
    }),
  };

  function also(request: IncomingMessage, response: ServerResponse, issuer: FakeIssuer): boolean {
    const name = request.url?.split('/').at(-1);
    if (name !== 'device' && name !== 'token' && name !== 'revoke') return false;
    let text = '';
    request.on('data', (chunk) => (text += String(chunk)));
    request.on('end', () => {
      const form = new URLSearchParams(text);
      self.forms[name].push(form);
      void answer(name, form, issuer).then(([status, body]) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    });
    return true;
  }

  async function answer(name: string, form: URLSearchParams, issuer: FakeIssuer): Promise<[number, unknown]> {
    if (name === 'revoke') return [200, {}];
    if (name === 'device') {
      challenge = form.get('code_challenge') ?? '';
      const uri = `${issuer.issuer}/device`;
      const body = { device_code: 'the-device', user_code: USER_CODE, verification_uri: uri };
      return [200, { ...body, expires_in: 60, interval: 0.05 }];
    }
    if (form.get('grant_type') === 'refresh_token') return renewal(form, issuer);
    const decision = self.decisions.length > 1 ? self.decisions.shift() : self.decisions[0];
    if (decision === 'wait') return [400, { error: 'authorization_pending' }];
    if (decision === 'slow') return [400, { error: 'slow_down' }];
    if (decision === 'deny') return [400, { error: 'access_denied' }];
    const verifier = form.get('code_verifier') ?? '';
    if (createHash('sha256').update(verifier).digest('base64url') !== challenge)
      return [400, { error: 'invalid_grant' }];
    return [200, await tokens(issuer)];
  }

  async function renewal(form: URLSearchParams, issuer: FakeIssuer): Promise<[number, unknown]> {
    if (self.renewals === 'broken') return [500, {}];
    const isLatest = form.get('refresh_token') === `refresh-${serial}`;
    return self.renewals === 'ok' && isLatest
      ? [200, await tokens(issuer)]
      : [400, { error: 'invalid_grant' }];
  }

  async function tokens(issuer: FakeIssuer) {
    serial += 1;
    return {
      access_token: await issuer.sign(),
      refresh_token: `refresh-${serial}`,
      expires_in: self.expiresIn,
    };
  }

  const self: DeviceIssuer = {
    issuer: fake.issuer,
    decisions: ['approve'],
    expiresIn: 300,
    renewals: 'ok',
    forms: { device: [], token: [], revoke: [] },
    close: () => fake.close(),
  };
  return self;
}

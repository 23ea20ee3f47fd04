/** What others got wrong (shared/facts/platform.md, B8), each with the tests that prove that it is right here. */
import type { Row } from './rows.ts';

export const LESSONS: Readonly<Record<string, Row>> = {
  'CVE-2025-64484': {
    what: 'a header with underscores passes for one of a proxy',
    proofs: [
      [
        'test/hostile/framing.test.ts',
        'spoofed headers of {path} as {tier} change nothing and reach no backend',
      ],
      ['test/hostile/framing.test.ts', 'no header but the credential opens anything: {spoof}'],
    ],
  },
  'GHSA-5hvv-m4w4-gf6v, GHSA-7x63-xv5r-3p2x': {
    what: 'the User-Agent of a health check, or a forwarded path, stands in for a credential',
    proofs: [['test/hostile/framing.test.ts', 'no header but the credential opens anything: {spoof}']],
  },
  'GHSA-pxq7-h93f-9jrg, GHSA-7rh7-c77v-6434': {
    what: 'a fragment or a query makes a path fit a route that asks for nothing',
    proofs: [
      ['test/hostile/framing.test.ts', 'the path {path} is no route'],
      ['test/hostile/framing.test.ts', 'a query or fragment lends no path the openness of another: {path}'],
    ],
  },
  'GHSA-c5c4-8r6x-56w3': {
    what: 'an e-mail address with several @ passes a check of its domain',
    proofs: [
      [
        'test/auth/attacks.test.ts',
        'claims that users may edit themselves neither raise a tier nor change who pays',
      ],
    ],
  },
  'CVE-2026-42208': {
    what: 'a credential becomes part of an SQL statement',
    proofs: [
      [
        'test/hostile/auth.test.ts',
        'a credential made of SQL is an unknown one like any other: {credential}',
      ],
      [
        'test/auth/personal-keys.test.ts',
        'a key says what it is, is kept as a hash, and spends its owner’s quota',
      ],
    ],
  },
  'CVE-2026-49468': {
    what: 'the Host decides which path the check of credentials sees',
    proofs: [
      [
        'test/hostile/framing.test.ts',
        'malformed, {what}: 400, the connection ends and nothing is asked or charged',
      ],
      ['test/hostile/framing.test.ts', 'a Host that looks like a path opens nothing: {host}'],
    ],
  },
  'CVE-2026-35030': {
    what: 'a token is remembered by its beginning',
    proofs: [
      ['test/auth/oidc.test.ts', 'a remembered token vouches for no other text, be it one character away'],
      ['test/auth/keys.test.ts', 'a key is hashed whole, with SHA-256'],
    ],
  },
  'CVE-2026-12796': {
    what: 'what was given out before goes on after a new sign-in or a renewal',
    proofs: [
      [
        'test/auth/sessions.test.ts',
        'a refresh token that comes back later ends the session, for the thief and for its owner',
      ],
      ['test/auth/sessions.test.ts', 'revoking the {kind} ends the session'],
      ['test/auth/sessions.test.ts', 'a session ends after its life, however often it was renewed'],
    ],
    decided:
      'A new sign-in leaves sessions of other devices alone: people have several. Logout at the realm, revocation and ' +
      'operators end them.',
  },
  'CVE-2026-22817, CVE-2026-22818': {
    what: 'the token says how it is to be verified',
    proofs: [
      ['test/auth/attacks.test.ts', '{name}: 401, no fetch, nothing repeated'],
      ['test/auth/oidc.test.ts', 'an algorithm that is configured is accepted, one that is not is refused'],
      ['test/auth/oidc.test.ts', 'a key published for another algorithm verifies nothing'],
    ],
  },
  'CVE-2026-41432': {
    what: 'an empty secret verifies',
    proofs: [['test/config/load.test.ts', 'an empty secret stops the start: {where}']],
  },
};

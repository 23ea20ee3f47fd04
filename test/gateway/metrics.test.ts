/** What a scrape shows of requests that a real gateway answered: the parts tell it, and none of them is left out. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FakeIssuer, startFakeIssuer } from '../support/fake-issuer.ts';
import { answer, errorReply } from '../support/mock-replies.ts';
import { messages, type Rig, startRig } from '../support/rig.ts';

let issuer: FakeIssuer;
let rig: Rig;

before(async () => {
  issuer = await startFakeIssuer();
  rig = await startRig({ AUTH_PROVIDER: 'keycloak', KEYCLOAK_URL: issuer.issuer });
});
after(async () => {
  await rig.close();
  await issuer.close();
});

/** Samples by their name with labels. */
async function scrape(): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${rig.gateway.metricsUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const cut = line.lastIndexOf(' ');
      return [line.slice(0, cut), Number(line.slice(cut + 1))];
    }),
  );
}

const ask = async (tier: 'pro' | 'enterprise', model: string, more = {}) => {
  const response = await rig.post('/v1/messages', tier, messages(model, more));
  await response.text();
  return response.status;
};

test('what was charged, what was given back, and what each took is told', async () => {
  rig.claude.reply(answer('anthropic'), errorReply('anthropic', 400, 'invalid_request_error', 'bad'));
  assert.equal(await ask('enterprise', 'claude-haiku-5-5', { stream: true }), 200);
  assert.equal(await ask('enterprise', 'claude-haiku-5-5'), 400);
  const seen = await scrape();
  assert.equal(seen.get('gateway_quota_settled_total{tier="enterprise",outcome="charged"}'), 1);
  assert.equal(seen.get('gateway_quota_settled_total{tier="enterprise",outcome="refunded"}'), 1);
  assert.equal(
    seen.get('gateway_time_to_first_content_seconds_count{tier="enterprise",backend="claude"}'),
    1,
  );
  const chat =
    'gen_ai_operation_name="chat",gen_ai_provider_name="anthropic",gen_ai_request_model="claude-haiku-5-5"';
  assert.equal(seen.get(`gen_ai_client_token_usage_sum{${chat},gen_ai_token_type="input"}`), 21);
  assert.equal(seen.get(`gen_ai_client_token_usage_sum{${chat},gen_ai_token_type="output"}`), 7);
  assert.equal(seen.get(`gen_ai_server_time_per_output_token_seconds_count{${chat}}`), 1);
  assert.equal(
    seen.get(`gen_ai_client_operation_duration_seconds_count{${chat},error_type="invalid_request"}`),
    1,
  );
  rig.assertPlayed();
});

test('the store of the quota is told of by its steps', async () => {
  rig.claude.reply(answer('anthropic'));
  assert.equal(await ask('pro', 'claude-haiku-5-5'), 200);
  const seen = await scrape();
  assert.ok(
    (seen.get('gateway_quota_store_duration_seconds_count{operation="reserve",outcome="ok"}') ?? 0) > 0,
  );
  assert.equal(seen.get('gateway_quota_store_up'), 1);
  rig.assertPlayed();
});

test('the identity provider’s keys have an age, the release a name, and nobody is being answered', async () => {
  const token = await issuer.sign({});
  const reply = await fetch(`${rig.gateway.url}/quota`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(reply.status, 200);
  const seen = await scrape();
  const age = seen.get(`gateway_identity_keys_age_seconds{issuer="${issuer.issuer}"}`);
  assert.ok(age !== undefined && age >= 0 && age < 60, `${age}`);
  assert.equal(seen.get(`gateway_identity_keys_refresh_failing{issuer="${issuer.issuer}"}`), 0);
  assert.equal(seen.get('gateway_answers_in_flight'), 0);
  assert.ok([...seen.keys()].some((name) => /^gateway_build_info\{version="\d+\.\d+\.\d+"\}$/.test(name)));
});

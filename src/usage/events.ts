/** A usage record in the words of metering systems. PURE. */
import type { UsageRecord } from './record.ts';

/** Whether events carry the subject's hash or the name for people as their customer. */
export type Customer = 'subject' | 'user';

/**
 * A CloudEvent 1.0 (JSON format). `id` is the request's id and `source` the same for every replica, so a sink that
 * drops what has the same `source` and `id`, as OpenMeter does, counts each request once.
 */
export function toCloudEvent(record: UsageRecord, source: string, customer: Customer) {
  return {
    specversion: '1.0',
    id: record.requestId,
    source,
    type: 'llm.request',
    subject: record[customer],
    time: new Date(record.at).toISOString(),
    datacontenttype: 'application/json',
    data: toProperties(record),
  };
}

/** An event of Lago; `transaction_id` is what it drops repetitions by. */
export function toLagoEvent(record: UsageRecord, customer: Customer) {
  return {
    transaction_id: record.requestId,
    external_subscription_id: record[customer],
    code: 'llm_request',
    timestamp: Math.floor(record.at / 1000),
    properties: toProperties(record),
  };
}

function toProperties({
  tier,
  dialect,
  asked,
  served,
  backend,
  status,
  outcome,
  durationMs,
  usage,
}: UsageRecord) {
  return {
    tier,
    dialect,
    model_requested: asked,
    model: served,
    backend,
    status,
    outcome,
    requests: outcome === 'charged' ? 1 : 0,
    input_tokens: usage?.inputTokens ?? 0,
    output_tokens: usage?.outputTokens ?? 0,
    cache_read_tokens: usage?.cacheReadTokens ?? 0,
    cache_write_tokens: usage?.cacheWriteTokens ?? 0,
    duration_ms: Math.round(durationMs),
  };
}

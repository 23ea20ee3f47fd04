/**
 * Requests without what a backend does not take: `stream_options` (translation.md A-87) and `response_format`
 * both put there by translation. Found out by one refusal, and remembered.
 */
import { type Attempt, type Exchange, failedTry, isRefused, type Try } from './attempt.ts';
import type { RefusedReply } from './await-content.ts';
import type { OptionalField } from './changes.ts';

const SPEAKS_OF: Readonly<Record<OptionalField, RegExp>> = {
  stream_options: /stream_options|include_usage/i,
  response_format: /response_?format|json_schema|json_object|structured output|guided|grammar/i,
};

/** A complaint about this one schema says nothing about the next. */
const OF_THE_SCHEMA =
  /invalid (?:json )?schema|schema (?:is )?(?:invalid|too)|in context=|additionalProperties/i;

/** Most backends and models that are remembered; beyond it, all are found out anew. */
const MOST_REMEMBERED = 1000;

/** Tries again without each optional field that a backend refuses, and leaves it out from then on. */
export function withoutRefused(attempt: Attempt): Attempt {
  const known = new Map<string, ReadonlySet<OptionalField>>();

  const remember = (key: string, field: OptionalField) => {
    if (known.size >= MOST_REMEMBERED) known.clear();
    known.set(key, new Set([...(known.get(key) ?? []), field]));
  };

  return async (one) => {
    const key = `${one.backend.name}/${one.candidate.model}`;
    let next = leaveOut(one, known.get(key) ?? []);
    let exchange = await attempt(next);
    for (let field = refusedField(exchange, next); field !== null; field = refusedField(exchange, next)) {
      failedTry(one, 'invalid_request');
      const { error } = exchange.reply as RefusedReply;
      if (!OF_THE_SCHEMA.test(error.message)) remember(key, field);
      next = leaveOut(next, [field]);
      exchange = await attempt(next);
    }
    return exchange;
  };
}

function leaveOut(one: Try, fields: Iterable<OptionalField>): Try {
  const without = new Set([...one.changes.without, ...fields]);
  return { ...one, changes: { ...one.changes, without } };
}

/** The field that was sent and that the refusal is about; each at most once, so the tries come to an end. */
function refusedField(exchange: Exchange, { changes }: Try): OptionalField | null {
  if (!isRefused(exchange, 'invalid_request')) return null;
  const { reply, outbound } = exchange;
  const words = `${reply.error.message} ${namedParameter(reply)}`;
  const field = outbound.optional.find((name) => !changes.without.has(name) && SPEAKS_OF[name].test(words));
  return field ?? null;
}

/** OpenAI names the faulty field apart from the message. */
function namedParameter({ body }: RefusedReply): string {
  const text = body === null ? '' : new TextDecoder().decode(body.subarray(0, 65_536));
  return /"param"\s*:\s*"([^"]*)"/.exec(text)?.[1] ?? '';
}

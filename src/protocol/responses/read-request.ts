/** A Responses request, read for a backend that speaks another dialect. */
import { GatewayError } from '../../errors.ts';
import type { Conversation } from '../conversation.ts';

/** @throws GatewayError `not_supported` */
export function readResponsesRequest(): Conversation {
  throw new GatewayError('not_supported', 'The Responses API is not translated to this model yet.');
}

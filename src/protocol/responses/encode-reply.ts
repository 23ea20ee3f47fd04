/** Reply events as a Responses answer, streamed or whole. */
import { GatewayError } from '../../errors.ts';

const NOT_YET = 'The Responses API is not translated to this model yet.';

/** @throws GatewayError `not_supported` */
export function createResponsesEncoder(): never {
  throw new GatewayError('not_supported', NOT_YET);
}

/** @throws GatewayError `not_supported` */
export function encodeResponsesReply(): never {
  throw new GatewayError('not_supported', NOT_YET);
}

import type { ReplyError } from './reply-events.ts';

/** Said of an answer that ends without an ending. */
export const TRUNCATED: ReplyError = {
  code: 'backend_truncated',
  message: 'The backend ended its answer before it was complete.',
};

import { z } from 'zod';

export const responsesSchema = z.strictObject({
  keepHours: z
    .int()
    .min(0)
    .max(720)
    .default(0)
    .describe(
      'Hours for which answers of `/v1/responses` with `store: true` are kept, prompts included, for ' +
        '`previous_response_id` and `GET /v1/responses/{id}`; in Valkey or in `dataDir`, unencrypted. 0 keeps nothing. ' +
        'Codex needs none of it.',
    ),
  keepBytesPerUser: z
    .int()
    .min(1024)
    .default(16 * 1024 * 1024)
    .describe('Bytes of kept answers that one user may have; the oldest make room.'),
});

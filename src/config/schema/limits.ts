import { z } from 'zod';
import { seconds } from './fields.ts';

export const limitsSchema = z.strictObject({
  bodyBytes: z
    .number()
    .int()
    .positive()
    .default(32 * 1024 * 1024)
    .describe('Largest request body. Bytes. Above it: 413.'),
  replyBytes: z
    .number()
    .int()
    .positive()
    .default(64 * 1024 * 1024)
    .describe('Largest whole reply, and largest stream event, taken from a backend. Bytes. Above it: 502.'),
  connections: z
    .number()
    .int()
    .positive()
    .default(10_000)
    .describe('Open client connections; further ones are closed at once.'),
  requests: z
    .number()
    .int()
    .positive()
    .default(5000)
    .describe('Requests answered at once by one process. Further ones: 529, for OpenAI clients 503.'),
  requestsPerUser: z
    .number()
    .int()
    .positive()
    .default(500)
    .describe('Requests answered at once for one user by one process. Further ones: 429.'),
  headersSeconds: seconds(15, 'Time for a client to send its headers. Then: 408.'),
  requestSeconds: seconds(60, 'Time for a client to send its whole request. Then: 408.'),
  idleSeconds: seconds(
    75,
    'Time an unused client connection is kept open, longer than the load balancer in front keeps it. Then: closed.',
  ),
  connectSeconds: seconds(5, 'Time to connect to a backend. Then: the next replica, or 502.'),
  firstByteSeconds: seconds(300, 'Time for a backend to begin its answer. Then: the next replica, or 504.'),
  betweenBytesSeconds: seconds(
    300,
    'Longest silence of a backend within an answer. Then: an error in the stream.',
  ),
  answerSeconds: seconds(3600, 'Longest time for an answer in total. Then: 504, or an error in the stream.'),
  slowReaderSeconds: seconds(
    300,
    'Longest time a client may take to accept a piece of its answer. Then: closed.',
  ),
  keepAliveSeconds: seconds(10, 'Silence in a stream after which the client is sent a ping.'),
});

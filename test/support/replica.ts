/** A model server of which there are several: answers everything, and does what the test sets, at once. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openaiJson } from './mock-replies.ts';

export interface Replica {
  readonly server: Server;
  url: string;
  /** Inference requests so far. */
  asked: number;
  /** Questions to its tokenizer so far. */
  counted: number;
  status: number;
  health: number;
  /** Status of the tokenizer; null: it never answers. */
  tokenizer: number | null;
  /** Answers wait for this. */
  until: Promise<unknown> | null;
}

/** How a replica starts, and what a test finds again after the one before. */
export const WELL = {
  asked: 0,
  counted: 0,
  status: 200,
  health: 200,
  tokenizer: 200,
  until: null,
} as const;

/** Tokens that its tokenizer counts, whatever it is asked. */
export const COUNTED = 4711;

export async function startReplica(port = 0): Promise<Replica> {
  const replica: Replica = { server: createServer(), url: '', ...WELL };
  replica.server.on('request', (request, response) => {
    const send = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    request.resume().on('end', async () => {
      if (request.url === '/health') return send(replica.health, {});
      if (request.method === 'GET') return send(200, { object: 'list', data: [{ id: 'qwen' }] });
      if (request.url === '/tokenize') {
        replica.counted++;
        if (replica.tokenizer !== null) send(replica.tokenizer, { count: COUNTED });
        return;
      }
      replica.asked++;
      await replica.until;
      send(
        replica.status,
        replica.status === 200 ? openaiJson({ text: 'hello' }).json : { error: { message: 'no' } },
      );
    });
  });
  await new Promise<void>((resolve) => replica.server.listen(port, '127.0.0.1', resolve));
  replica.url = `http://127.0.0.1:${(replica.server.address() as AddressInfo).port}`;
  return replica;
}

export const stopReplica = ({ server }: Replica) =>
  new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

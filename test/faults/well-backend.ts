import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { openaiJson, openaiStream } from '../support/mock-replies.ts';

/** What every good answer says. */
export const SAID = 'One two three four five six seven eight nine ten.';

export interface WellBackend {
  readonly url: string;
  /** Inference requests so far. */
  asked(): number;
  close(): Promise<void>;
}

/** A backend that answers every request, whole or streamed as asked, the stream within `lastsMs`. */
export async function startWellBackend(lastsMs = 0): Promise<WellBackend> {
  let asked = 0;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const send = (body: unknown) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.method === 'GET') return send({ object: 'list', data: [{ id: 'raw-model' }] });
    asked++;
    const { stream } = JSON.parse(Buffer.concat(chunks).toString()) as { stream?: boolean };
    if (stream !== true) return send(openaiJson({ text: SAID }).json);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const frames = openaiStream({ text: SAID }).stream;
    for (const frame of frames) {
      response.write(frame);
      if (lastsMs > 0) await pause(lastsMs / frames.length);
    }
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

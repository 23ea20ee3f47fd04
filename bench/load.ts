/**
 * The load generator: sends one body again and again over so many kept-alive connections and checks every answer to
 * its last byte. Written on bare sockets so that it does not become the bottleneck of what it measures. A process of
 * its own, driven over IPC: a {@link Job} in, a {@link LoadResult} out.
 */
import { connect, type Socket } from 'node:net';

export interface Job {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The request body, base64. */
  readonly body: string;
  readonly connections: number;
  readonly requests: number;
  /** What the last bytes of a right answer contain. */
  readonly ending: string;
}

export interface LoadResult {
  readonly answered: number;
  /** What went wrong, first few; empty in a run that counts. */
  readonly failures: readonly string[];
  readonly seconds: number;
  /** Time from the first byte sent to the last received. Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

process.on('message', (job: Job) => {
  run(job).then(
    (result) => process.send?.(result),
    (error: Error) => process.send?.({ answered: 0, failures: [error.message], seconds: 0, p50: 0, p99: 0 }),
  );
});

async function run(job: Job): Promise<LoadResult> {
  const body = Buffer.from(job.body, 'base64');
  const lines = Object.entries(job.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST ${job.path} HTTP/1.1\r\nhost: 127.0.0.1:${job.port}\r\n${lines.join('')}content-length: ${body.length}\r\n\r\n`;
  const request = Buffer.concat([Buffer.from(head), body]);

  const times: number[] = [];
  const failures: string[] = [];
  let left = job.requests;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: job.connections }, async () => {
      const connection = await open(job.port);
      while (left > 0 && failures.length < 5) {
        left--;
        const sent = performance.now();
        const failure = await connection.ask(request, job.ending);
        if (failure !== null) failures.push(failure);
        times.push(performance.now() - sent);
      }
      connection.close();
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { answered: times.length - failures.length, failures, seconds, p50: at(0.5), p99: at(0.99) };
}

interface Connection {
  /** Sends and waits for the whole answer; gives what was wrong with it, or null. */
  readonly ask: (request: Buffer, ending: string) => Promise<string | null>;
  readonly close: () => void;
}

async function open(port: number): Promise<Connection> {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  let finish: ((failure: string | null) => void) | null = null;
  let gone: string | null = null;
  let reader = createReader('');
  const end = (failure: string | null) => {
    const done = finish;
    finish = null;
    done?.(failure);
  };
  socket.on('data', (part) => {
    const verdict = reader(part);
    if (verdict !== 'more') end(verdict === 'whole' ? null : verdict);
  });
  socket.on('error', (error) => {
    gone = error.message;
  });
  socket.on('close', () => {
    gone ??= 'the connection was closed';
    end(gone);
  });
  return {
    ask: (request, ending) =>
      new Promise((resolve) => {
        if (gone !== null) return resolve(gone);
        reader = createReader(ending);
        finish = resolve;
        socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}

/** Reads one answer: `more`, `whole`, or what is wrong with it. */
function createReader(ending: string): (part: Buffer) => string {
  let head = '';
  let remaining: number | null = null;
  let chunked = false;
  let tail = '';

  const body = (part: Buffer): string => {
    tail = (tail + part.toString('latin1', Math.max(0, part.length - 512))).slice(-512);
    if (remaining !== null) remaining -= part.length;
    const complete = chunked ? tail.endsWith('\r\n0\r\n\r\n') : remaining === 0;
    if (!complete) return remaining !== null && remaining < 0 ? 'more bytes than promised' : 'more';
    return tail.includes(ending) ? 'whole' : `no "${ending}" at the end`;
  };

  return (part) => {
    if (remaining !== null || chunked) return body(part);
    head += part.toString('latin1');
    const split = head.indexOf('\r\n\r\n');
    if (split < 0) return 'more';
    const fields = head.slice(0, split);
    if (!fields.startsWith('HTTP/1.1 200'))
      return `status ${fields.slice(9, 12)}: ${head.slice(split + 4, split + 300)}`;
    const length = /\r\ncontent-length: *(\d+)/i.exec(fields)?.[1];
    chunked = /\r\ntransfer-encoding: *chunked/i.test(fields);
    if (length === undefined && !chunked) return 'neither content-length nor chunked';
    remaining = length === undefined ? null : Number(length);
    return body(Buffer.from(head.slice(split + 4), 'latin1'));
  };
}

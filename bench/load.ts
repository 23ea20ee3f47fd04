/**
 * The load generator: sends one body again and again over so many kept-alive connections and checks every answer to
 * its last byte. Written on bare sockets so that it does not become the bottleneck of what it measures. A process of
 * its own, driven over IPC: a {@link Job} in, a {@link LoadResult} out.
 */
import { connect, type Socket } from 'node:net';

export interface Job {
  readonly port: number;
  readonly path: string;
  /** Of every user; they take turns. */
  readonly users: readonly Readonly<Record<string, string>>[];
  /** The request body, base64. */
  readonly body: string;
  readonly connections: number;
  readonly requests: number;
  /** What the last bytes of a right answer contain. */
  readonly ending: string;
  /** Requests a second that are sent whether or not earlier ones are answered; null: each connection asks again. */
  readonly rate: number | null;
}

export interface LoadResult {
  readonly answered: number;
  /** What went wrong, first few; empty in a run that counts. */
  readonly failures: readonly string[];
  readonly seconds: number;
  /** Time from the first byte sent, or from when it was due at a rate, to the last received. Milliseconds. */
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
  const requestOf = createRequests(job);
  const times: number[] = [];
  const failures: string[] = [];
  let asked = 0;
  const connections = await Promise.all(Array.from({ length: job.connections }, () => open(job.port)));
  const ask = async (connection: Connection, dueAt: number) => {
    const failure = await connection.ask(requestOf(asked++), job.ending);
    if (failure !== null) failures.push(failure);
    times.push(performance.now() - dueAt);
  };
  const began = performance.now();
  if (job.rate === null) {
    const askAgain = async (connection: Connection) => {
      while (asked < job.requests && failures.length < 5) await ask(connection, performance.now());
    };
    await Promise.all(connections.map(askAgain));
  } else await askAtRate(job.requests, job.rate, connections, ask);
  const seconds = (performance.now() - began) / 1000;
  for (const connection of connections) connection.close();
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { answered: times.length - failures.length, failures, seconds, p50: at(0.5), p99: at(0.99) };
}

/** Bytes of the n-th request, head and body in one. */
function createRequests(job: Job): (count: number) => Buffer {
  const body = Buffer.from(job.body, 'base64');
  const requests = job.users.map((headers) => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `POST ${job.path} HTTP/1.1\r\nhost: 127.0.0.1:${job.port}\r\n${lines.join('')}content-length: ${body.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), body]);
  });
  return (count) => requests[count % requests.length] ?? body;
}

/** Sends each request when it is due, on whichever connection is free; time spent waiting for one counts. */
async function askAtRate(
  requests: number,
  rate: number,
  connections: readonly Connection[],
  ask: (connection: Connection, dueAt: number) => Promise<void>,
): Promise<void> {
  const free = [...connections];
  const waiting: number[] = [];
  const began = performance.now();
  let due = 0;
  let open = 0;
  await new Promise<void>((resolve) => {
    const serve = () => {
      while (free.length > 0 && waiting.length > 0) {
        const [connection, dueAt] = [free.pop(), waiting.shift()];
        if (connection === undefined || dueAt === undefined) return;
        open += 1;
        void ask(connection, dueAt).then(() => {
          open -= 1;
          free.push(connection);
          serve();
        });
      }
      if (due === requests && open === 0) resolve();
    };
    const tick = () => {
      const now = performance.now();
      for (; due < requests && began + (due * 1000) / rate <= now; due++) waiting.push(now);
      serve();
      if (due < requests) setTimeout(tick, 1);
    };
    tick();
  });
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

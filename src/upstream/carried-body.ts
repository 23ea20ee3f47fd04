/** The memory of a request's body, from the first socket that carries it to the last. */
import type { Socket } from 'node:net';
import { giveBack } from '../body-memory.ts';

/** What a body is sent by. */
export type Carrier = Pick<Socket, 'destroyed' | 'writableLength'>;

export interface CarriedBody {
  /** A version of the body is about to be sent. */
  sent(version: Uint8Array | string): void;
  /** Told which socket a version was handed to. */
  carriedBy(carrier: Carrier): void;
  /**
   * Gives back the memory of the body and of its versions, after which they read as empty. Where it is not certain that every
   * socket has passed all of it on to the system, nothing happens: a socket that still sends memory which somebody else was
   * given would show one user's prompt to another's backend.
   */
  release(): void;
}

export function createCarriedBody(body: Uint8Array): CarriedBody {
  const versions: Uint8Array[] = [];
  const carriers: Carrier[] = [];
  return {
    sent(version) {
      if (typeof version !== 'string') versions.push(version);
    },
    carriedBy: (carrier) => void carriers.push(carrier),
    release() {
      if (carriers.length !== versions.length || !carriers.every(isThrough)) return;
      giveBack(body);
      for (const version of versions) giveBack(version);
    },
  };
}

/** Node counts what is written to a socket until the system has taken it. */
const isThrough = ({ destroyed, writableLength }: Carrier) => !destroyed && writableLength === 0;

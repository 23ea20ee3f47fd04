/** What a Responses request says beyond its question: of the person at work, and what a backend is to keep. */
import { readField, type ScannedBody, withoutField } from '../scan-request.ts';

/**
 * The request without `client_metadata`, where Codex writes its installation, the workspace's path, the remote's
 * address and the commit (codex.md §2). Not a byte of the rest changes.
 */
export const withoutMetadata = (request: ScannedBody): ScannedBody =>
  withoutField(request, 'client_metadata');

/**
 * Whether the backend is asked to keep its answer: it would be kept under the gateway's own account, for whoever
 * names its id.
 */
export const asksToStore = ({ body, scan }: ScannedBody): boolean => readField(body, scan, 'store') === true;

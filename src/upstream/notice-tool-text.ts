/** Tells the operator once per backend that tool calls come as text: its tool parser is not switched on (S-10). */
import type { SendFirst } from './send-first.ts';

/** @param warn told the backend's name */
export function noticeToolText(sendFirst: SendFirst, warn: (backend: string) => void): SendFirst {
  const told = new Set<string>();
  const tell = (backend: string) => {
    if (told.has(backend)) return;
    told.add(backend);
    warn(backend);
  };
  return async (sending) => {
    const exchange = await sendFirst(sending);
    const { outbound, backend } = exchange;
    const { translation } = outbound;
    if (translation === null || translation.conversation.tools.length === 0) return exchange;
    const decoding = { ...translation.decoding, onToolCallText: () => tell(backend.name) };
    return { ...exchange, outbound: { ...outbound, translation: { ...translation, decoding } } };
  };
}

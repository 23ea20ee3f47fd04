/** Templates for the pages that people see. */

/** Text that is HTML already; only {@link html} makes it. */
export interface Html {
  readonly html: string;
}

/** What a template takes: texts and numbers are escaped, null is nothing. */
export type HtmlValue = string | number | Html | readonly Html[] | null;

/** A template whose values are escaped, unless they are HTML of its own making. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const texts = values.map(toText);
  return { html: parts.reduce((text, part, index) => text + (texts[index - 1] ?? '') + part) };
}

export const NOTHING: Html = { html: '' };

function toText(value: HtmlValue): string {
  if (value === null) return '';
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'number') return String(value);
  return isList(value) ? value.map((one) => one.html).join('') : value.html;
}

/** `Array.isArray` does not tell readonly lists from objects. */
const isList = (value: Html | readonly Html[]): value is readonly Html[] => Array.isArray(value);

const ESCAPED: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeText = (text: string) => text.replaceAll(/[&<>"']/g, (one) => ESCAPED[one] ?? '');

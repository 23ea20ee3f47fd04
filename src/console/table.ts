/** Tables that scroll sideways on a phone and say what they are about. */
import { type Html, type HtmlValue, html } from '../http/html.ts';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => HtmlValue;
  /** Set to the right, in figures of one width. */
  readonly isNumber?: true;
}

export interface TableOptions<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** Said where there is no row. */
  readonly empty: string;
}

/** The first column names the row. */
export function toTable<Row>({ caption, columns, rows, empty }: TableOptions<Row>): Html {
  if (rows.length === 0) return html`<p class="note">${empty}</p>`;
  const head = columns.map(({ title, isNumber }) => html`<th scope="col"${classOf(isNumber)}>${title}</th>`);
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption><thead><tr>${head}</tr></thead><tbody>
${rows.map((row) => toRow(row, columns))}</tbody></table></div>`;
}

function toRow<Row>(row: Row, columns: readonly Column<Row>[]): Html {
  const cells = columns.map(({ cell, isNumber }, index) =>
    index === 0
      ? html`<th scope="row"${classOf(isNumber)}>${cell(row)}</th>`
      : html`<td${classOf(isNumber)}>${cell(row)}</td>`,
  );
  return html`<tr>${cells}</tr>
`;
}

const classOf = (isNumber: true | undefined) => (isNumber === true ? html` class="number"` : null);

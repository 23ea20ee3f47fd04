import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { html } from '../../src/http/html.ts';

test('a text cannot leave the element or the attribute that it is put into', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', 'a', ';', '/', '=') }), (text) => {
      const made = html`<p title="${text}">${text}</p>`.html;
      const inner = made.slice('<p title="'.length, -'</p>'.length);
      assert.doesNotMatch(inner.replace('">', ''), /[<>"']/);
      const back = inner
        .split('">')[0]
        ?.replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&amp;', '&');
      assert.equal(back, text);
    }),
  );
});

test('templates within templates stay what they are; numbers and nothing too', () => {
  const items = [html`<li>${1}</li>`, html`<li>${'<'}</li>`];
  assert.equal(html`<ul>${items}</ul>${null}`.html, '<ul><li>1</li><li>&lt;</li></ul>');
});

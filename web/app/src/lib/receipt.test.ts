import { expect, test } from 'vitest';
import { receiptFacts, verifyLink } from './receipt';

const receipt = `porchlight-receipt/v1
entry eyJ2IjoxfQ==
disclose case c2FsdA== MjAyNi0wMDQ=

c2sp.org/tlog-proof@v1
index 17
aGFzaA==

maple-falls.example/porchlight
23
cm9vdA==

— maple-falls.example/porchlight AAAA
`;

test('index and origin', () => {
  expect(receiptFacts(receipt)).toEqual({ index: 17, origin: 'maple-falls.example/porchlight' });
  expect(receiptFacts('something else')).toEqual({});
});

test('the check link carries the whole text in its fragment', () => {
  const fragment = verifyLink(receipt).split('#receipt=')[1] ?? '';
  const text = new TextDecoder().decode(
    Uint8Array.from(atob(fragment.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0)),
  );
  expect(text).toBe(receipt);
});

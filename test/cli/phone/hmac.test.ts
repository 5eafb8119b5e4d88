/** The phone's own MAC against the vectors that deployed servers agree with. */
import { describe, expect, it } from 'vitest';
import { canonicalText, macOf } from '../../../src/cli/phone/hmac.ts';
import type { PhoneKey } from '../../../src/cli/phone/exposure-keys.ts';
import vectors from '../../vectors/hmac.json' with { type: 'json' };

interface Vector {
  readonly name: string;
  readonly hmacKey: string;
  readonly temporaryExposureKeys: readonly PhoneKey[];
  readonly text: string;
  readonly accepted: readonly string[];
}

describe.each(vectors.cases as readonly Vector[])('$name', (vector) => {
  const secret = Buffer.from(vector.hmacKey, 'base64');
  const keys = vector.temporaryExposureKeys;

  it('has the canonical text and a MAC that servers accept', () => {
    expect(canonicalText(keys)).toBe(vector.text);
    expect(vector.accepted).toContain(macOf(canonicalText(keys), secret));
  });
});

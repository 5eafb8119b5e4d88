/** No body within the limit takes longer to decode than a request may. */
import { describe, expect, it } from 'vitest';
import { decodeV1Alpha1Body } from '../../../src/domain/publish-body/decode-v1alpha1.ts';
import { DecodeFailure, decodePublishBody } from '../../../src/domain/publish-body/decode.ts';

const limit = 64_000;

/** The prefix, then as many repetitions as fit, then the suffix. */
function filled(prefix: string, unit: string, suffix = ''): string {
  return prefix + unit.repeat(Math.floor((limit - prefix.length - suffix.length) / unit.length)) + suffix;
}

const keys = '{"temporaryExposureKeys":[';
const bodies: readonly (readonly [string, string])[] = [
  ['open arrays', filled('', '[')],
  ['open arrays in an unknown member', filled('{"a":', '[')],
  ['nested arrays', `{"a":${'['.repeat(9_999)}${']'.repeat(9_999)}}`],
  ['nested objects', `${'{"a":'.repeat(9_999)}1${'}'.repeat(9_999)}`],
  ['open objects', filled('', '{"a":')],
  ['one huge integer', filled('{"symptomOnsetInterval":', '9', '}')],
  ['one huge negative integer', filled('{"symptomOnsetInterval":-', '9', '}')],
  ['one huge fraction', filled('{"symptomOnsetInterval":1.', '0', '}')],
  ['one huge exponent', filled('{"symptomOnsetInterval":1e', '9', '}')],
  ['one huge int64', filled(`${keys}{"transmissionRisk":`, '1', '}]}')],
  ['leading zeros', filled('{"symptomOnsetInterval":', '0', '}')],
  ['one huge string', filled('{"hmacKey":"', 'x', '"}')],
  ['one string without end', filled('{"hmacKey":"', 'x')],
  ['escapes', filled('{"hmacKey":"', '\\u0041', '"}')],
  ['lone surrogates', filled('{"hmacKey":"', '\\ud800', '"}')],
  ['escaped backslashes', filled('{"hmacKey":"', '\\\\', '"}')],
  ['escapes in names', filled('{"', '\\u0041', '":1}')],
  ['bytes that are not UTF-8', filled('{"hmacKey":"', '\xff', '"}')],
  ['duplicate members', filled('{', '"hmacKey":"x",', '"a":1}')],
  ['duplicate members in capitals', filled('{', '"HMACKEY":"x",', '"a":1}')],
  ['duplicate empty lists', filled('{', '"temporaryExposureKeys":[],', '"a":1}')],
  ['duplicate lists of keys', filled('{', '"temporaryExposureKeys":[{},{},{},{}],', '"a":1}')],
  ['unknown members', filled('{', '"a":0,', '"a":1}')],
  ['unknown members with long names', filled('{', `"${'K'.repeat(1_000)}":0,`, '"a":1}')],
  ['names that fold', filled('{', '"\u212a\u017f":0,', '"a":1}')],
  ['empty keys', filled(keys, '{},', '{}]}')],
  ['null keys', filled(keys, 'null,', 'null]}')],
  ['keys of wrong types', filled(keys, '[],', '[]]}')],
  ['small keys', filled(keys, '{"key":"","transmissionRisk":1},', '{}]}')],
  ['regions', filled('{"regions":[', '"A",', '"A"]}')],
  ['duplicate lists of regions', filled('{', '"regions":["A","B"],', '"a":1}')],
  ['white space', filled('{', ' ', '}')],
  ['line ends', filled('', '\r\n', '{}')],
  ['closing brackets', filled('{}', ']')],
  ['commas', filled('{', ',')],
  ['quotes', filled('{', '"')],
  ['backslashes in an open string', filled('{"a":"', '\\')],
  ['NULs', filled('', '\0')],
];

/** Far beyond what each takes (some 2 ms), and so far below what quadratic work would take that no busy machine matters. */
const mostMs = 50;

describe('64,000 bytes', () => {
  it.each(bodies)('of %s are decoded or refused within 50 ms', (_what, text) => {
    const bytes = Buffer.from(text, 'latin1');
    expect(bytes.length).toBeLessThanOrEqual(limit);
    for (const decode of [decodePublishBody, decodeV1Alpha1Body]) {
      for (const isCut of [false, true]) {
        expect(fastest(() => decode(bytes, isCut))).toBeLessThan(mostMs);
      }
    }
  });

  it.each(bodies)('of %s give keys that fit, or a refusal of the caller', (_what, text) => {
    const whole = Buffer.from(text, 'latin1');
    const decoded = decodePublishBody(whole);
    if (decoded instanceof DecodeFailure) expect([400, 413]).toContain(decoded.status);
    else expect(decoded.temporaryExposureKeys.length).toBeLessThanOrEqual(limit / 3);
  });
});

/** The CPU time of the fastest of a few runs: what the machine does besides is left out. */
function fastest(work: () => void): number {
  let best = Infinity;
  for (let run = 0; run < 5 && best >= mostMs / 2; run++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}

/** The work of decoding grows with the body's length and no faster, whatever the body. */
import { describe, expect, it } from 'vitest';
import { decodeV1Alpha1Body } from '../../../src/domain/publish-body/decode-v1alpha1.ts';
import { DecodeFailure, decodePublishBody } from '../../../src/domain/publish-body/decode.ts';

const limit = 64_000;

/** The text of at most so many bytes. */
type Body = (size: number) => string;

/** The prefix, then as many repetitions as fit, then the suffix. */
function filled(prefix: string, unit: string, suffix = ''): Body {
  return (size) => prefix + unit.repeat(Math.floor((size - prefix.length - suffix.length) / unit.length)) + suffix;
}

/** The whole is as deep as the decoder goes. */
function nested(open: string, inner: string, close: string): Body {
  return (size) => {
    const depth = Math.floor((9_999 * size) / limit);
    return open.repeat(depth) + inner + close.repeat(depth);
  };
}

const keys = '{"temporaryExposureKeys":[';
const bodies: readonly (readonly [string, Body])[] = [
  ['open arrays', filled('', '[')],
  ['open arrays in an unknown member', filled('{"a":', '[')],
  ['nested arrays', nested('[', '', ']')],
  ['nested objects', nested('{"a":', '1', '}')],
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

/** Into so many parts a body of 64,000 bytes is cut for comparison. */
const parts = 8;
/** Work that grows with the length takes as long for one body as for its parts; quadratic work takes 8 times as long. */
const farthest = 4;
/** So near that no more rounds are needed. */
const near = 2;
const [fewestRounds, mostRounds] = [3, 25];

describe('64,000 bytes', () => {
  it.each(bodies)('of %s take no longer than their parts', (_what, body) => {
    const [whole, part] = [limit, limit / parts].map((size) => Buffer.from(body(size), 'latin1'));
    expect(whole!.length).toBeLessThanOrEqual(limit);
    for (const decode of [decodePublishBody, decodeV1Alpha1Body]) {
      for (const isCut of [false, true]) {
        const ratio = growth(
          () => decode(whole!, isCut),
          () => decode(part!, isCut),
        );
        expect(ratio).toBeLessThan(farthest);
      }
    }
  });

  it.each(bodies)('of %s give keys that fit, or a refusal of the caller', (_what, body) => {
    const whole = Buffer.from(body(limit), 'latin1');
    const decoded = decodePublishBody(whole);
    if (decoded instanceof DecodeFailure) expect([400, 413]).toContain(decoded.status);
    else expect(decoded.temporaryExposureKeys.length).toBeLessThanOrEqual(limit / 3);
  });
});

/**
 * How many times longer the whole takes than its parts one after the other. Both are measured by turns, the fastest run
 * of each counts, and what is not near is measured again and again: what the machine does besides is left out.
 */
function growth(whole: () => unknown, part: () => unknown): number {
  let [wholeMs, partsMs] = [Infinity, Infinity];
  for (let round = 0; round < mostRounds; round++) {
    wholeMs = Math.min(wholeMs, duration(whole, 1));
    partsMs = Math.min(partsMs, duration(part, parts));
    if (round + 1 >= fewestRounds && wholeMs < near * partsMs) break;
  }
  return wholeMs / partsMs;
}

function duration(work: () => unknown, times: number): number {
  const startedAt = performance.now();
  for (let count = 0; count < times; count++) work();
  return performance.now() - startedAt;
}

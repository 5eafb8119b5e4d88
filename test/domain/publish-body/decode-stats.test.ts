import { describe, expect, it } from 'vitest';
import { DecodeFailure } from '../../../src/domain/publish-body/decode.ts';
import { decodeStatsBody } from '../../../src/domain/publish-body/decode-stats.ts';

function failure(text: string, isCut = false): Partial<DecodeFailure> | undefined {
  const decoded = decodeStatsBody(Buffer.from(text), isCut);
  return decoded instanceof DecodeFailure ? { status: decoded.status, text: decoded.text } : undefined;
}

describe('the body of a request for statistics', () => {
  it.each([
    '{}',
    'null',
    '{"padding":"cGFk"}',
    '{"PADDING":null}',
    '{"padding":"a","padding":"b"}',
    '{"days":[{"x":1.5}]}',
    ' {} \n',
    '{}]',
    `{"padding":"${'x'.repeat(60_000)}"}`,
  ])('may be %.40s', (text) => {
    expect(failure(text)).toBeUndefined();
  });

  it.each([
    ['', 'body must not be empty'],
    [' \n', 'body must not be empty'],
    ['{', 'malformed json'],
    ['{"padding"', 'malformed json'],
    ['{padding}', 'malformed json at position 2'],
    ['\ufeff{}', 'malformed json at position 1'],
    ['{"padding":1}', 'invalid value "padding" at position 12'],
    ['{"padding":{}}', 'invalid value "padding" at position 12'],
    ['[]', 'invalid value "" at position 1'],
    ['"x"', 'invalid value "" at position 3'],
    ['{}{}', 'body must contain only one JSON object'],
  ])('may not be %j', (text, fault) => {
    expect(failure(text)).toEqual({ status: 400, text: fault });
  });

  it('is too large when its end was cut off', () => {
    expect(failure('{"padding":"xxx', true)).toEqual({ status: 413, text: 'http: request body too large' });
  });
});

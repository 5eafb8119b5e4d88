import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DecodeFailure,
  decodePublishBody,
  isJsonContentType,
  type PublishBody,
} from '../../../src/domain/publish-body/decode.ts';

const empty: PublishBody = {
  temporaryExposureKeys: [],
  healthAuthorityId: '',
  verificationPayload: '',
  hmacKey: '',
  symptomOnsetInterval: 0,
  traveler: false,
  revisionToken: '',
  platform: '',
  deviceVerificationPayload: '',
};
const emptyKey = { key: '', rollingStartNumber: 0, rollingPeriod: 0, transmissionRisk: 0n };

function decode(text: string | Buffer, isCut = false): PublishBody {
  const decoded = decodePublishBody(Buffer.from(text as string), isCut);
  if (decoded instanceof DecodeFailure) throw new Error(`refused: ${decoded.text}`);
  return decoded;
}

function refusal(text: string | Buffer, isCut = false): string {
  const decoded = decodePublishBody(Buffer.from(text as string), isCut);
  return decoded instanceof DecodeFailure ? `${String(decoded.status)} ${decoded.text}` : 'accepted';
}

describe('members of a publish request', () => {
  it('are all read', () => {
    const body = {
      temporaryExposureKeys: [
        { key: 'AAECAwQFBgcICQoLDA0ODw==', rollingStartNumber: 2650000, rollingPeriod: 144, transmissionRisk: 3 },
        { key: 'second', rollingStartNumber: 2650144, rollingPeriod: 100 },
      ],
      healthAuthorityID: 'org.example',
      verificationPayload: 'a.b.c',
      hmacKey: 'a2V5',
      symptomOnsetInterval: 2650001,
      traveler: true,
      revisionToken: 'dG9rZW4=',
      padding: 'eA==',
      platform: 'ios',
      deviceVerificationPayload: 'proof',
    };
    expect(decode(JSON.stringify(body))).toEqual({
      temporaryExposureKeys: [
        { key: 'AAECAwQFBgcICQoLDA0ODw==', rollingStartNumber: 2650000, rollingPeriod: 144, transmissionRisk: 3n },
        { key: 'second', rollingStartNumber: 2650144, rollingPeriod: 100, transmissionRisk: 0n },
      ],
      healthAuthorityId: 'org.example',
      verificationPayload: 'a.b.c',
      hmacKey: 'a2V5',
      symptomOnsetInterval: 2650001,
      traveler: true,
      revisionToken: 'dG9rZW4=',
      platform: 'ios',
      deviceVerificationPayload: 'proof',
    });
    expect(decode(JSON.stringify(body, null, '\t'))).toEqual(decode(JSON.stringify(body)));
  });

  it.each(['hmacKey', 'hmackey', 'HMACKEY', 'hMaCkEy', 'hmac\u212aey', 'hmac\\u212aey', 'hmac\\u006bey'])(
    'match without case: %s',
    (name) => {
      expect(decode(`{"${name}":"x"}`).hmacKey).toBe('x');
    },
  );

  it('match U+017F as an s, at every level', () => {
    expect(decode('{"\u017fymptomOn\u017fetInterval":7}').symptomOnsetInterval).toBe(7);
    expect(decode('{"temporaryExpo\u017fureKeys":[{"tran\u017fmi\u017f\u017fionri\u017fk":8}]}')).toEqual({
      ...empty,
      temporaryExposureKeys: [{ ...emptyKey, transmissionRisk: 8n }],
    });
  });

  it('that are not known are ignored at every level, whatever they hold', () => {
    const unknown =
      '"regions":["AA",{"a":[null,-1.5e+3,"\\u00e9",{}],"b":[]}],"hmacKeyy":1,"":2,"__proto__":{"traveler":1}';
    expect(decode(`{${unknown},"temporaryExposureKeys":[{${unknown},"key":"k"}],${unknown}}`)).toEqual({
      ...empty,
      temporaryExposureKeys: [{ ...emptyKey, key: 'k' }],
    });
  });

  it('that are null count as absent', () => {
    const names = Object.keys(empty).map((name) => (name === 'healthAuthorityId' ? 'healthAuthorityID' : name));
    expect(decode(`{${names.map((name) => `"${name}":null`).join()}}`)).toEqual(empty);
    expect(
      decode('{"temporaryExposureKeys":[null,{"key":null,"rollingPeriod":null,"transmissionRisk":null}]}'),
    ).toEqual({
      ...empty,
      temporaryExposureKeys: [emptyKey, emptyKey],
    });
    expect(decode('null')).toEqual(empty);
  });

  it('sent twice: the last counts, however it is written, and null takes nothing back', () => {
    expect(decode('{"hmacKey":"a","hmackey":"b","hmacKey":"c"}').hmacKey).toBe('c');
    expect(decode('{"hmacKey":"a","HMACKEY":"b"}').hmacKey).toBe('b');
    expect(decode('{"traveler":true,"traveler":null}').traveler).toBe(true);
    expect(decode('{"temporaryExposureKeys":[{"key":"a"}],"temporaryExposureKeys":null}')).toEqual(empty);
  });

  it('of a second list of keys are read over the first list', () => {
    const first = '"temporaryExposureKeys":[{"key":"a","transmissionRisk":8},{"key":"b"}]';
    expect(decode(`{${first},"temporaryExposureKeys":[{"key":"c"}]}`).temporaryExposureKeys).toEqual([
      { ...emptyKey, key: 'c', transmissionRisk: 8n },
    ]);
  });
});

describe('strings', () => {
  it('are unescaped', () => {
    expect(decode('{"hmacKey":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00é😀"}').hmacKey).toBe(
      '"\\/\b\f\n\r\tA😀é😀',
    );
  });

  it('hold U+FFFD for what is neither UTF-8 nor UTF-16', () => {
    const body = Buffer.concat([Buffer.from('{"hmacKey":"a'), Buffer.from([0xff, 0x80]), Buffer.from('\\ud800b"}')]);
    expect(decode(body).hmacKey).toBe('a\ufffd\ufffd\ufffdb');
  });
});

describe('numbers', () => {
  it.each([
    ['2147483647', 2147483647],
    ['-2147483648', -2147483648],
    ['-0', 0],
    ['0', 0],
  ])('as int32: %s', (written, value) => {
    expect(decode(`{"symptomOnsetInterval":${written}}`).symptomOnsetInterval).toBe(value);
    expect(
      decode(`{"temporaryExposureKeys":[{"rollingPeriod":${written}}]}`).temporaryExposureKeys[0]?.rollingPeriod,
    ).toBe(value);
  });

  it.each([
    '2147483648',
    '-2147483649',
    '99999999999999999999999',
    '144.0',
    '1e2',
    '1E2',
    '0.5',
    '"144"',
    'true',
    '{}',
  ])('not as int32: %s', (written) => {
    const end = 24 + (written === '{}' ? 1 : written.length);
    expect(refusal(`{"symptomOnsetInterval":${written}}`)).toBe(
      `400 invalid value "symptomOnsetInterval" at position ${String(end)}`,
    );
  });

  it.each([
    ['9223372036854775807', 9223372036854775807n],
    ['-9223372036854775808', -9223372036854775808n],
    ['9007199254740993', 9007199254740993n],
    ['-1', -1n],
  ])('as int64: %s', (written, value) => {
    const [key] = decode(`{"temporaryExposureKeys":[{"transmissionRisk":${written}}]}`).temporaryExposureKeys;
    expect(key?.transmissionRisk).toBe(value);
  });

  it.each(['9223372036854775808', '-9223372036854775809', '1.0', '3e0'])('not as int64: %s', (written) => {
    expect(refusal(`{"temporaryExposureKeys":[{"transmissionRisk":${written}}]}`)).toBe(
      `400 invalid value "temporaryExposureKeys.transmissionRisk" at position ${String(46 + written.length)}`,
    );
  });
});

describe('wrong types', () => {
  it.each([
    ['{"hmacKey":12}', 'hmacKey', 13],
    ['{"HMACkey":12}', 'hmacKey', 13],
    ['{"hmacKey":true}', 'hmacKey', 15],
    ['{"hmacKey": ["a"]}', 'hmacKey', 13],
    ['{"traveler":"true"}', 'traveler', 18],
    ['{"traveler":0}', 'traveler', 13],
    ['{"padding":1}', 'padding', 12],
    ['{"temporaryExposureKeys":{}}', 'temporaryExposureKeys', 26],
    ['{"temporaryExposureKeys":"x"}', 'temporaryExposureKeys', 28],
    ['{"temporaryExposureKeys":[1]}', 'temporaryExposureKeys', 27],
    ['{"temporaryExposureKeys":[[]]}', 'temporaryExposureKeys', 27],
    ['{"temporaryExposureKeys":[{"key":1}]}', 'temporaryExposureKeys.key', 34],
    ['{"temporaryExposureKeys":[{"rollingStartNumber":"1"}]}', 'temporaryExposureKeys.rollingStartNumber', 51],
    ['[]', '', 1],
    [' "x"', '', 4],
    ['1', '', 1],
  ])('%s is told by its path and position', (body, path, position) => {
    expect(refusal(body)).toBe(`400 invalid value "${path}" at position ${String(position)}`);
  });

  it('the first one is told', () => {
    expect(refusal('{"traveler":1,"hmacKey":2}')).toContain('"traveler"');
  });

  it('come after faults of syntax', () => {
    expect(refusal('{"traveler":1,}')).toBe('400 malformed json at position 15');
  });
});

describe('what is not JSON', () => {
  it.each([
    ['', 'body must not be empty'],
    [' \n\t\r', 'body must not be empty'],
    ['{', 'malformed json'],
    ['{"a', 'malformed json'],
    ['{"a\\', 'malformed json'],
    ['{"a":"\\u00', 'malformed json'],
    ['{"a":-', 'malformed json'],
    ['{"a":1.', 'malformed json'],
    ['{"a":tr', 'malformed json'],
    ['{"a":1', 'malformed json'],
    ['\ufeff{}', 'malformed json at position 1'],
    ['x', 'malformed json at position 1'],
    ['{a:1}', 'malformed json at position 2'],
    ['{"a" 1}', 'malformed json at position 6'],
    ['{"a":}', 'malformed json at position 6'],
    ['{"a":1,}', 'malformed json at position 8'],
    ['{"a":[1,]}', 'malformed json at position 9'],
    ['{"a":[1 2]}', 'malformed json at position 9'],
    ['{"a":01}', 'malformed json at position 7'],
    ['{"hmacKey":"é","traveler":01}', 'malformed json at position 29'],
    ['{"symptomOnsetInterval":01}', 'malformed json at position 26'],
    ['{"a":1.e5}', 'malformed json at position 8'],
    ['{"a":+1}', 'malformed json at position 6'],
    ['{"a":trux}', 'malformed json at position 9'],
    ['{"a":"\\x"}', 'malformed json at position 8'],
    ['{"a":"\\u00g0"}', 'malformed json at position 11'],
    ['{"a":"\n"}', 'malformed json at position 7'],
    ['{"hmacKey":"\u0001"}', 'malformed json at position 13'],
    ["{'a':1}", 'malformed json at position 2'],
    ['{"a":NaN}', 'malformed json at position 6'],
    ['{}{}', 'body must contain only one JSON object'],
    ['{} x', 'body must contain only one JSON object'],
    ['{},', 'body must contain only one JSON object'],
  ])('%j', (body, text) => {
    expect(refusal(body)).toBe(`400 ${text}`);
  });

  it('may be followed by white space, or by a closing bracket, as ever', () => {
    for (const end of ['', ' \r\n\t', '}', ' ]', ']x']) expect(refusal(`{}${end}`)).toBe('accepted');
  });

  it('nests 10,000 deep and no deeper', () => {
    const nested = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    expect(refusal(nested(10_000))).toBe('accepted');
    expect(refusal(nested(10_001))).toBe('400 malformed json at position 10005');
  });
});

describe('a body that goes on after its limit', () => {
  it.each(['', '   ', '{', '{"a":"', '{"a":1'])('is too large while %j needs more', (text) => {
    expect(refusal(text, true)).toBe('413 http: request body too large');
  });

  it('is malformed where it already is, and read when it is complete', () => {
    expect(refusal('{x', true)).toBe('400 malformed json at position 2');
    expect(refusal('{}   ', true)).toBe('accepted');
  });
});

describe('content types', () => {
  it.each(['application/json', 'application/json; charset=utf-8', 'application/jsonx'])('%s is JSON', (type) => {
    expect(isJsonContentType(type)).toBe(true);
  });

  it.each([undefined, '', 'Application/json', 'application/jso', 'text/json', ' application/json'])(
    '%s is not',
    (type) => {
      expect(isJsonContentType(type)).toBe(false);
    },
  );
});

describe('any input', () => {
  it('is JSON for us exactly when it is JSON', () => {
    const text = fc.oneof(fc.json(), fc.string(), fc.mixedCase(fc.json()), mutated());
    fc.assert(
      fc.property(text, (body) => {
        const bytes = Buffer.from(`{"u":${body}}`);
        expect(/malformed|one JSON/.test(refusal(bytes))).toBe(!isJson(bytes.toString()));
      }),
      { numRuns: 2_000 },
    );
  });

  it('of bytes gives a value or a failure of the caller', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isCut) => {
        expect(decodePublishBody(Buffer.from(bytes), isCut)).toBeDefined();
      }),
      { numRuns: 1_000 },
    );
  });

  it('of the right types comes through unchanged', () => {
    const int32 = fc.integer({ min: -2147483648, max: 2147483647 });
    const key = fc.record(
      {
        key: fc.string({ unit: 'grapheme' }),
        rollingStartNumber: int32,
        rollingPeriod: int32,
        transmissionRisk: int32,
      },
      { requiredKeys: [] },
    );
    const body = fc.record({ temporaryExposureKeys: fc.array(key), hmacKey: fc.string(), traveler: fc.boolean() });
    fc.assert(
      fc.property(body, fc.constantFrom(0, 2), (value, indent) => {
        expect(decode(JSON.stringify(value, null, indent))).toEqual({
          ...empty,
          ...value,
          temporaryExposureKeys: value.temporaryExposureKeys.map((sent) => ({
            ...emptyKey,
            ...sent,
            transmissionRisk: BigInt(sent.transmissionRisk ?? 0),
          })),
        });
      }),
    );
  });
});

/** JSON with one character replaced. */
function mutated(): fc.Arbitrary<string> {
  return fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('"', '\\', '{', ']', ',', ':', '0', 'e', '-', '.', ' ', '\n', 't'))
    .map(([json, at, character]) => json.slice(0, at % json.length) + character + json.slice((at % json.length) + 1));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // The deployed server looks no further than a closing bracket.
    return /^[^]*[\]}]$/.test(text) && [...text.matchAll(/[\]}]/g)].some(({ index }) => parses(text.slice(0, index)));
  }
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

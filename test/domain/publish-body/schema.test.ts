/** What the schemas say is what the readers do: both are made of the same declarations. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeStatsBody, statsMembers } from '../../../src/domain/publish-body/decode-stats.ts';
import { decodeV1Alpha1Body, v1Alpha1Members } from '../../../src/domain/publish-body/decode-v1alpha1.ts';
import { DecodeFailure, decodePublishBody, publishMembers } from '../../../src/domain/publish-body/decode.ts';
import { schemaOf } from '../../../src/domain/publish-body/schema.ts';
import { checkOf } from '../../support/json-schema.ts';

const bodies = [
  ['/v1/publish', decodePublishBody, schemaOf(publishMembers)],
  ['/', decodeV1Alpha1Body, schemaOf(v1Alpha1Members)],
  ['/v1/stats', decodeStatsBody, schemaOf(statsMembers)],
] as const;

const names = [...new Set(bodies.flatMap(([, , { properties }]) => Object.keys(properties)))];
const keyNames = ['key', 'rollingStartNumber', 'rollingPeriod', 'transmissionRisk', 'unknown'];
const scalar = fc.oneof(
  fc.constantFrom(null, true, false, '', 'text', 0, 1, 144, 145, -1, 8, 9, 0.5, 2 ** 31, -(2 ** 31) - 1),
  fc.constant([]),
  fc.constant({}),
);
const key = fc.dictionary(fc.constantFrom(...keyNames), scalar, { maxKeys: 5 });
const value = fc.oneof(scalar, fc.array(scalar, { maxLength: 2 }), fc.array(key, { maxLength: 3 }));
const body = fc.dictionary(fc.constantFrom(...names, 'unknown'), value, { maxKeys: 6 });

describe.each(bodies)('the schema of %s', (_path, decode, schema) => {
  const isAllowed = checkOf(schema);

  it('allows nothing that the reader refuses', () => {
    fc.assert(
      fc.property(body, (sent) => {
        const isRead = !(decode(Buffer.from(JSON.stringify(sent))) instanceof DecodeFailure);
        expect(isRead || !isAllowed(sent)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('allows every value of the right type, and null, where no bounds are told', () => {
    const right = { string: 'x', boolean: true, integer: 1, array: [] };
    const all = Object.entries(schema.properties).map(([name, { type }]) => [
      name,
      right[type[0] as keyof typeof right],
    ]);
    expect(isAllowed(Object.fromEntries(all))).toBe(true);
    expect(isAllowed(Object.fromEntries(all.map(([name]) => [name, null])))).toBe(true);
  });

  it('refuses each wrong type, as the reader does', () => {
    const wrong = { string: 1, boolean: 'true', integer: '1', array: {} };
    for (const [name, { type }] of Object.entries(schema.properties)) {
      const sent = { ...needed(schema), [name]: wrong[type[0] as keyof typeof wrong] };
      expect(isAllowed(sent)).toBe(false);
      expect(decode(Buffer.from(JSON.stringify(sent)))).toBeInstanceOf(DecodeFailure);
    }
  });
});

describe('the bounds of keys', () => {
  const ofKeys = (member: object): object => ({
    healthAuthorityID: 'x',
    temporaryExposureKeys: [{ key: 'k', rollingStartNumber: 1, rollingPeriod: 1, ...member }],
  });
  it.each([
    [{ rollingPeriod: 1 }, true],
    [{ rollingPeriod: 0 }, false],
    [{ rollingPeriod: 144 }, true],
    [{ rollingPeriod: 145 }, false],
    [{ transmissionRisk: 0 }, true],
    [{ transmissionRisk: 8 }, true],
    [{ transmissionRisk: 9 }, false],
    [{ transmissionRisk: -1 }, false],
    [{ rollingStartNumber: 0 }, true],
    [{ rollingStartNumber: -1 }, false],
  ])('are those that keys are stored in: %j → %s', (member, isAllowed) => {
    expect(checkOf(schemaOf(publishMembers))(ofKeys(member))).toBe(isAllowed);
  });
});

/** The members without which nothing is stored. */
function needed({ required = [] }: { readonly required?: readonly string[] }): object {
  return Object.fromEntries(required.map((name) => [name, name === 'temporaryExposureKeys' ? [] : 'x']));
}

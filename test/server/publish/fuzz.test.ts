import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import type { PublishCommand } from '../../../src/server/publish/command.ts';
import { parseCompactJws } from '../../../src/server/publish/compact-jws.ts';
import { commandOf, makePublisher, now, type Publisher } from './publisher.ts';

let publisher: Publisher;

beforeAll(async () => {
  publisher = await makePublisher({ bypassCertificate: true, bypassRevisionToken: true });
});

afterAll(async () => {
  await publisher[Symbol.asyncDispose]();
});

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('\0', '\ud800', 'é', '=', '\r\n'),
  fc.base64String(),
);
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const current = Math.floor(now.getTime() / 600_000);
const key = fc.record({
  key: fc.oneof(
    text,
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map((b) => Buffer.from(b).toString('base64')),
  ),
  rollingStartNumber: fc.oneof(int32, fc.integer({ min: current - 2_200, max: current + 2 })),
  rollingPeriod: fc.oneof(int32, fc.integer({ min: 0, max: 145 })),
  transmissionRisk: fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: 0n, max: 8n })),
});
const change: fc.Arbitrary<Partial<PublishCommand>> = fc.record(
  {
    appId: text,
    keys: fc.array(key, { maxLength: 4 }),
    certificate: text,
    hmacKey: text,
    symptomOnsetInterval: int32,
    traveler: fc.boolean(),
    revisionToken: text,
    regions: fc.array(text, { maxLength: 2 }),
  },
  { requiredKeys: [] },
);

describe('whatever is sent', () => {
  it('the answer is of the caller’s kind', async () => {
    await fc.assert(
      fc.asyncProperty(change, async (parts) => {
        const command = { ...commandOf(publisher.body()), ...parts };
        const error: unknown = await publisher.publish(publisher.body(), command).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error === undefined) return;
        expect(error).toBeInstanceOf(AppError);
        expect((error as AppError).kind).toMatch(/^(invalid|unauthenticated)$/);
      }),
      { numRuns: 300 },
    );
  });

  it('a certificate is parsed or has a fault', () => {
    const segment = fc.oneof(
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
      fc
        .dictionary(fc.constantFrom('alg', 'kid', 'iss', 'aud', 'exp', 'IAT', '__proto__'), fc.jsonValue())
        .map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
      fc.constant(Buffer.from('{"alg":"ES256","kid":"v1"}').toString('base64url')),
      text,
    );
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          fc.array(segment, { minLength: 2, maxLength: 4 }).map((all) => all.join('.')),
        ),
        (jws) => {
          const parsed = parseCompactJws(jws);
          expect(typeof (parsed.fault ?? parsed.jws.signingInput)).toBe('string');
        },
      ),
      { numRuns: 500 },
    );
  });
});

/** Whatever bytes a partner pushes, they are answered: with verdicts, or with the partner's own fault. */
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verdictOfCode } from '../../../src/domain/federation/verdict.ts';
import { PushRequest, PushResponse } from '../../../src/gen/enmesh/federation/v1/federation.ts';
import type { KnownPartner } from '../../../src/storage/partners/partners.ts';
import { sentKey } from '../intake/intake.ts';
import { openReceiver, pushRequest, type Receiver } from './receiver.ts';

let receiver: Receiver;
let partner: KnownPartner;
let client: Client;

beforeAll(async () => {
  receiver = await openReceiver({ maxQuarantine: 100 });
  partner = await receiver.addPartner('bb', { accept: { regions: ['BB'] } });
  client = new Client(receiver.target, credentials.createInsecure());
});

afterAll(async () => {
  client.close();
  await receiver[Symbol.asyncDispose]();
});

/** Sends one message as it is. */
async function pushBytes(message: Uint8Array): Promise<{ code: status; answers: readonly PushResponse[] }> {
  const metadata = new Metadata();
  for (const [name, values] of await receiver.metadata(partner)) metadata.set(name, String(values[0]));
  const path = '/enmesh.federation.v1.FederationService/Push';
  const call = client.makeBidiStreamRequest(path, (bytes: Buffer) => bytes, PushResponse.decode, metadata);
  const answers: PushResponse[] = [];
  return await new Promise((resolve) => {
    call.on('data', (answer: PushResponse) => answers.push(answer));
    call.on('error', () => undefined);
    call.on('status', ({ code }) => {
      resolve({ code, answers });
    });
    call.write(Buffer.from(message));
    call.end();
  });
}

async function expectAnswer(message: Uint8Array): Promise<void> {
  const { code, answers } = await pushBytes(message);
  expect([status.OK, status.INVALID_ARGUMENT, status.ALREADY_EXISTS, status.ABORTED]).toContain(code);
  expect(answers).toHaveLength(code === status.OK ? 1 : 0);
  for (const { id, verdicts } of answers) {
    const { batch } = PushRequest.decode(message);
    expect(id.length).toBeGreaterThanOrEqual(16);
    expect(verdicts).toHaveLength(batch!.keys.length);
    expect(verdicts.every((verdict) => verdictOfCode(verdict) !== undefined)).toBe(true);
  }
}

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const text = fc.oneof(fc.constantFrom('BB', 'bb', 'CC', 'a#b'), fc.string({ unit: 'binary', maxLength: 40 }));
/** Anything that the contract can say. */
const request = fc.record({
  id: fc.uint8Array({ minLength: 14, maxLength: 20 }),
  batch: fc.record({
    origins: fc.array(
      fc.record({ regions: fc.array(text, { maxLength: 4 }), path: fc.array(text, { maxLength: 3 }) }),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
    keys: fc.array(
      fc.record({
        key: fc.uint8Array({ minLength: 15, maxLength: 17 }),
        event: fc.integer({ min: -1, max: 5 }),
        rollingStart: fc.oneof(int32, fc.constant(sentKey(1).intervalStart)),
        rollingPeriod: fc.oneof(int32, fc.constant(144)),
        transmissionRisk: fc.oneof(int32, fc.constant(3)),
        reportType: fc.integer({ min: -1, max: 7 }),
        daysSinceOnset: fc.option(int32, { nil: undefined }),
        traveler: fc.boolean(),
        origin: fc.integer({ min: 0, max: 2 }),
      }),
      { maxLength: 20 },
    ),
  }),
});

describe('a push of', () => {
  it('any bytes is answered', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), expectAnswer), { numRuns: 40 });
  });

  it('a message with some bytes changed, cut or repeated is answered', async () => {
    const sound = PushRequest.encode(pushRequest(1, [sentKey(1), sentKey(2, { regions: ['BB', 'CC'] })])).finish();
    const changes = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { maxLength: 6 });
    const changed = fc.tuple(changes, fc.nat(sound.length)).map(([bytes, end]) => {
      const copy = Buffer.from(sound);
      for (const [at, value] of bytes) copy[at] = value;
      return Buffer.concat([copy.subarray(0, end), copy.subarray(end % 3 === 0 ? end : sound.length)]);
    });
    await fc.assert(fc.asyncProperty(changed, expectAnswer), { numRuns: 40 });
  });

  it('anything that the contract can say is answered', async () => {
    await fc.assert(
      fc.asyncProperty(request, async (message) => {
        await expectAnswer(PushRequest.encode(PushRequest.fromPartial(message as object)).finish());
      }),
      { numRuns: 40 },
    );
  });

  it('bytes that are no message is the fault of who sent them', async () => {
    expect(await pushBytes(Buffer.from([0xff, 0xff, 0xff]))).toEqual({ code: status.INVALID_ARGUMENT, answers: [] });
  });

  it('a message of more than 4 MiB is refused, and the server lives', async () => {
    const huge = pushRequest(1, [sentKey(1, { key: Buffer.alloc(5 * 1024 * 1024) })]);
    expect((await pushBytes(PushRequest.encode(huge).finish())).code).toBe(status.RESOURCE_EXHAUSTED);
    await expectAnswer(PushRequest.encode(pushRequest(77, [sentKey(77)])).finish());
  });
});

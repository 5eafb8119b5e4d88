/** Decoders of what partners send. */
import { authorityId } from '../../src/domain/federation/authority-id.ts';
import { decodeCursor, encodeCursor } from '../../src/domain/federation/cursor.ts';
import { fromFetchCursor, toFetchCursor } from '../../src/domain/federation/fetch-cursor.ts';
import { pullRule } from '../../src/domain/federation/intake-rule.ts';
import { createKeyJudge } from '../../src/domain/federation/judge-key.ts';
import { effectiveScope } from '../../src/domain/federation/scope.ts';
import { bearerToken } from '../../src/federation/auth/bearer-token.ts';
import { claimedIssuer } from '../../src/federation/auth/unverified-token.ts';
import { toDelivery } from '../../src/federation/pull/stream-wire.ts';
import { fromPushRequest } from '../../src/federation/push/receive-wire.ts';
import { KeyEvent, PushRequest, SubscribeResponse } from '../../src/gen/enmesh/federation/v1/federation.ts';
import { FederationFetchRequest } from '../../src/gen/federation.ts';
import type { Target } from './explore.ts';

const now = new Date('2026-03-15T13:47:30Z');
const self = authorityId({ issuer: 'https://aa.example', subject: 'federation' });
const sender = authorityId({ issuer: 'https://bb.example', subject: 'federation' });
const grant = { regions: ['AA'], excludeRegions: [], onlyLocal: true, onlyTravelers: false, omitOnset: false };
const asked = { regions: ['AA'], excludeRegions: ['BB'], onlyLocal: false, onlyTravelers: false };
const scope = effectiveScope(asked, grant, sender);
const position = { at: new Date('2026-03-15T12:00:00Z'), event: 'revised', key: Buffer.alloc(16, 7) } as const;

const batch = {
  origins: [{ regions: ['AA'], path: [authorityId({ issuer: 'https://cc.example', subject: 'x' })] }],
  keys: [KeyEvent.PUBLISHED, KeyEvent.REVISED, KeyEvent.WITHDRAWN].map((event) => ({
    key: Buffer.alloc(16, event),
    event,
    rollingStart: 2_959_000,
    rollingPeriod: 144,
    transmissionRisk: 4,
    reportType: 2 as const,
    daysSinceOnset: -3,
    traveler: true,
    origin: 0,
  })),
};

/** All of them. */
export function makeFederationTargets(): Target[] {
  return [
    {
      name: 'federation-push',
      seeds: [encoded(PushRequest.encode({ id: Buffer.alloc(32, 1), batch }))],
      run: (input) => {
        const request = decoded(() => PushRequest.decode(input));
        if (request) judgeAll(fromPushRequest(request).keys);
      },
    },
    {
      name: 'federation-batch',
      seeds: [
        encoded(
          SubscribeResponse.encode({
            batch,
            cursor: encodeCursor(position, scope),
            caughtUpThrough: now,
            pendingKeys: 3n,
          }),
        ),
      ],
      run: (input) => {
        const response = decoded(() => SubscribeResponse.decode(input));
        if (response) judgeAll(toDelivery(response).keys);
      },
    },
    {
      name: 'federation-cursor',
      seeds: [encodeCursor(position, scope), encodeCursor({ ...position, key: null }, scope)],
      run: (input) => {
        const again = encodeCursor(decodeCursor(input, scope), scope);
        if (!encodeCursor(decodeCursor(again, scope), scope).equals(again)) throw new Error('a cursor that moves');
      },
    },
    {
      name: 'fetch-request',
      seeds: [
        encoded(
          FederationFetchRequest.encode({
            includeRegions: ['AA', 'bb'],
            excludeRegions: ['CC'],
            onlyTravelers: true,
            onlyLocalProvenance: false,
            maxExposureKeys: 500,
            state: { keyCursor: toFetchCursor(position), revisedKeyCursor: toFetchCursor({ ...position, key: null }) },
          }),
        ),
      ],
      run: (input) => {
        const request = decoded(() => FederationFetchRequest.decode(input));
        if (request === undefined) return;
        const { includeRegions: regions, excludeRegions, state } = request;
        const allowed = effectiveScope({ ...asked, regions, excludeRegions }, grant, sender);
        if (allowed?.regions.some((region) => region !== 'AA')) throw new Error('more than is granted');
        for (const cursor of [state?.keyCursor, state?.revisedKeyCursor]) toFetchCursor(fromFetchCursor(cursor));
      },
    },
    {
      name: 'bearer',
      seeds: ['Bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2JiLmV4YW1wbGUifQ.AAAA'].map((text) =>
        Buffer.from(text),
      ),
      run: (input) => claimedIssuer(bearerToken(input.toString())),
    },
  ];
}

function judgeAll(keys: ReturnType<typeof fromPushRequest>['keys']): void {
  const rules = {
    maxIntervalAgeSeconds: 15 * 86_400,
    maxSymptomOnsetDays: 14,
    releaseSameDayKeys: false,
    truncateSeconds: 3600,
  };
  const rule = pullRule({ regions: ['AA'], excludeRegions: ['BB'], onlyTravelers: false });
  const judge = createKeyJudge({ rules, now, sender, self, rule });
  for (const sent of keys) {
    const { accepted } = judge(sent);
    if (accepted === undefined || accepted.event === 'withdrawn') continue;
    const { key, intervalCount, transmissionRisk, origin } = accepted;
    const fits = key.length === 16 && intervalCount <= 144 && transmissionRisk <= 8 && origin.regions.length === 1;
    if (!fits) throw new Error('a key is accepted that no table can hold, or of another region');
  }
}

function encoded(writer: { finish(): Uint8Array }): Buffer {
  return Buffer.from(writer.finish());
}

/** Bytes that are no message are refused before the service sees them (platform/grpc/unreadable-requests). */
function decoded<Message>(decode: () => Message): Message | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

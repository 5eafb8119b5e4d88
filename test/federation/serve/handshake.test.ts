/** Handshake: who the two are, and what each may expect. */
import { describe, expect, it } from 'vitest';
import { readWindowState } from '../../../src/storage/windows.ts';
import { rejection } from '../../platform/grpc/installation.ts';
import { openServing } from './serving.ts';

describe('a handshake', () => {
  it('tells identities, grants of both directions, limits and how far can be read', async () => {
    await using served = await openServing({ partner: { accept: { regions: ['DD', 'BB'] } } });
    await served.grant({ regions: ['CC', 'AA', 'BB'], excludeRegions: ['BB'] });
    const { identity } = served.partner;
    expect(await served.client.handshake({ versions: ['v2', 'v1'] }, { metadata: await served.metadata() })).toEqual({
      version: 'v1',
      server: { issuer: 'https://id.aa.example', subject: 'federation' },
      caller: { issuer: identity.issuer, subject: identity.subject },
      offeredRegions: ['AA', 'CC'],
      acceptedRegions: ['BB', 'DD'],
      limits: { maxBatchKeys: 1_000, maxMessageBytes: 4 * 1024 * 1024, maxStreams: 8 },
      closedThrough: (await readWindowState(served.authority.database)).closedThrough,
    });
  });

  it('offers and accepts nothing without a grant', async () => {
    await using served = await openServing({ partner: { serve: null, accept: null } });
    const answer = await served.client.handshake({ versions: ['v1'] }, { metadata: await served.metadata() });
    expect(answer).toMatchObject({ offeredRegions: [], acceptedRegions: [] });
  });

  it('is refused without a version that both speak', async () => {
    await using served = await openServing();
    for (const versions of [[], ['v2']]) {
      const call = served.client.handshake({ versions }, { metadata: await served.metadata() });
      expect(await rejection(call)).toMatchObject({ kind: 'precondition', code: 'unsupported_version' });
    }
  });

  it('proves the server with a token that covers the nonce', async () => {
    await using served = await openServing();
    const metadata = await served.metadata();
    let identity: string | undefined;
    await served.client.handshake(
      { versions: ['v1'] },
      { metadata, onHeader: (header) => (identity = header.get('enmesh-identity')) },
    );
    const claims = JSON.parse(Buffer.from(identity!.split('.')[1]!, 'base64url').toString()) as object;
    expect(claims).toMatchObject({ nonce: metadata.get('enmesh-nonce'), aud: served.partner.ourAudience });
  });
});

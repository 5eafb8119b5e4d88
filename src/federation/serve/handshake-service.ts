/** Handshake: what the two sides speak, who they are to each other, and what each may expect. */
import { AppError } from '../../domain/errors.ts';
import { authorityId } from '../../domain/federation/authority-id.ts';
import { effectiveScope } from '../../domain/federation/scope.ts';
import type { HandshakeRequest, HandshakeResponse } from '../../gen/enmesh/federation/v1/federation.ts';
import { mostRequestBytes } from '../../platform/grpc/server.ts';
import type { KnownPartner } from '../../storage/partners/partners.ts';
import { closedThrough } from '../../storage/windows.ts';
import { mostBatchKeys } from '../wire.ts';
import type { ServeDeps } from './settings.ts';

const version = 'v1';

/** @throws AppError precondition `unsupported_version` */
export async function answerHandshake(
  deps: ServeDeps,
  partner: KnownPartner,
  { versions }: HandshakeRequest,
): Promise<HandshakeResponse> {
  if (!versions.includes(version)) {
    throw new AppError('precondition', 'unsupported_version', `this server speaks ${version} alone`);
  }
  const everything = { regions: [], excludeRegions: [], onlyLocal: false, onlyTravelers: false };
  const offered = effectiveScope(everything, partner.serve, authorityId(partner.identity));
  const { issuer, subject } = partner.identity;
  return {
    version,
    server: { ...deps.identity },
    caller: { issuer, subject },
    offeredRegions: [...(offered?.regions ?? [])],
    acceptedRegions: partner.accept?.regions.toSorted() ?? [],
    limits: {
      maxBatchKeys: mostBatchKeys,
      maxMessageBytes: mostRequestBytes,
      maxStreams: deps.settings.maxStreams,
    },
    closedThrough: await closedThrough(deps),
  };
}

/** IdentityService over gRPC: what the gateway publishes of our issuer, and its rotation. */
import type { IdentityServiceImplementation } from '../../gen/enmesh/federation/v1/identity.ts';
import { callerName } from '../../platform/grpc/caller-name.ts';
import { identityKeyVersions } from '../../storage/partners/identity-keys.ts';
import type { IdentityDeps } from './ensure.ts';
import { rotateIdentityKey } from './rotate.ts';
import { toIdentityKey } from './wire.ts';

/** The service. */
export function createIdentityService(deps: IdentityDeps): IdentityServiceImplementation {
  const { source, issuer, subject } = deps.identity;
  return {
    async getIdentity() {
      if (source !== 'own' || issuer === undefined) return { issuer: '', subject, keys: [] };
      const keys = await identityKeyVersions(deps.database, deps.clock);
      return { issuer, subject, keys: keys.map(toIdentityKey) };
    },
    async rotateIdentityKey({ overlapSeconds }, context) {
      const keys = await rotateIdentityKey(deps, { overlapSeconds, actor: callerName(context) });
      return { keys: keys.map(toIdentityKey) };
    },
  };
}

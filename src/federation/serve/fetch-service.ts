/** `Federation`, the service that deployed partners call. */
import { authorityId } from '../../domain/federation/authority-id.ts';
import { effectiveScope } from '../../domain/federation/scope.ts';
import type { FederationServiceImplementation } from '../../gen/federation.ts';
import { notePartnerContact } from '../../storage/partners/partner-contacts.ts';
import { admitPartner } from '../auth/service.ts';
import { fetchPage } from './fetch.ts';
import { toAskedScope, toFetchResponse, toFetchState } from './fetch-wire.ts';
import type { ServeDeps } from './settings.ts';

/** Implements the contract. */
export function createFetchService(deps: ServeDeps): FederationServiceImplementation {
  const { authenticator, limits, settings, database, clock } = deps;
  return {
    fetch: async (request, context) => {
      const { partner } = await admitPartner(authenticator, context, {
        needsNonce: false,
        takeTurn: (partnerId) => limits.call(partnerId, context.signal),
      });
      const scope = effectiveScope(toAskedScope(request), partner.serve, authorityId(partner.identity));
      const state = toFetchState(request);
      const limit = Math.min(request.maxExposureKeys || settings.fetchMaxKeys, settings.fetchMaxKeys);
      const page = await fetchPage(deps, { scope, state, limit, signal: context.signal });
      await notePartnerContact(database, partner.id, { contact: 'read', clock });
      return toFetchResponse(page);
    },
  };
}

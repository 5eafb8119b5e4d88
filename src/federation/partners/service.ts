/** PartnerService: how the exchange with each partner goes, and what operators do about it. */
import type * as proto from '../../gen/enmesh/federation/v1/partners.ts';
import { callerName } from '../../platform/grpc/caller-name.ts';
import { listQuarantine } from '../../storage/partners/partner-quarantine.ts';
import { readPartner } from '../../storage/partners/partners.ts';
import type { ExchangeDeps } from '../exchange/settings.ts';
import { replayQuarantine } from '../intake/replay.ts';
import { checkPartner } from './check-wire.ts';
import { drain } from './drain.ts';
import { namedPartner, namedPartners } from './find.ts';
import { runExchanges } from './run-exchanges.ts';
import { setPaused } from './set-paused.ts';
import { statusOf } from './status.ts';
import { quarantineLimit, reasonFilter, toPartnerMessage, toProgressMessage, toQuarantinedMessage } from './wire.ts';

/**
 * Implements the contract; who may call what is decided before a call arrives here.
 * @param stopping aborts exchanges, which are given back
 */
export function createPartnerService(deps: ExchangeDeps, stopping: AbortSignal): proto.PartnerServiceImplementation {
  const { database } = deps;
  const until = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, stopping]);
  return {
    pull: ({ name }, { signal }) => run(deps, { name, direction: 'pull', signal: until(signal) }),
    push: ({ name }, { signal }) => run(deps, { name, direction: 'push', signal: until(signal) }),
    listPartners: async ({ name }) => {
      const statuses = await statusOf(deps, await namedPartners(database, name), { counts: 'all' });
      return { partners: statuses.map(toPartnerMessage) };
    },
    checkPartner: async ({ name }, { signal }) =>
      await checkPartner(await namedPartner(database, name), deps.channel, until(signal)),
    setPaused: async ({ name, isPaused }, context) => {
      const partner = await namedPartner(database, name);
      await setPaused(deps, partner, { isPaused, actor: callerName(context) });
      const changed = await readPartner(database, partner.id);
      const statuses = changed === null ? [] : await statusOf(deps, [changed], { counts: 'all' });
      return { partner: statuses.map(toPartnerMessage)[0] };
    },
    drain: (request, context) => drainOne(deps, request, { actor: callerName(context), signal: until(context.signal) }),
    listQuarantine: async ({ name, reason, limit }) => {
      const { id } = await namedPartner(database, name);
      const filter = { partnerId: id, reason: reasonFilter(reason), limit: quarantineLimit(limit) };
      return { keys: (await listQuarantine(database, filter)).map(toQuarantinedMessage) };
    },
    replayQuarantine: async ({ name, reason }, { signal }) => {
      const partner = await namedPartner(database, name);
      const known = reasonFilter(reason);
      const options = { partner, ...(known === null ? {} : { reason: known }), signal: until(signal) };
      const { accepted, refused } = await replayQuarantine(deps.intake, options);
      return { acceptedKeys: BigInt(accepted), refusedKeys: BigInt(refused) };
    },
  };
}

async function* run(
  deps: ExchangeDeps,
  options: Parameters<typeof runExchanges>[1],
): AsyncGenerator<proto.PullResponse> {
  for await (const progress of runExchanges(deps, options)) yield toProgressMessage(progress);
}

async function* drainOne(
  deps: ExchangeDeps,
  { name }: proto.DrainRequest,
  options: Parameters<typeof drain>[2],
): AsyncGenerator<proto.DrainResponse> {
  const partner = await namedPartner(deps.database, name);
  for await (const { status, isDrained } of drain(deps, partner, options)) {
    yield { partner: toPartnerMessage(status), isDrained };
  }
}

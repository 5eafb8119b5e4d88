/** AdminService over gRPC: plan, apply, get. */
import type { AdminServiceImplementation } from '../../gen/enmesh/admin/v1/admin.ts';
import { readConfiguration } from '../../storage/configuration/read-configuration.ts';
import { callerName } from '../../platform/grpc/caller-name.ts';
import { applyConfiguration, type AdminDeps } from './apply-configuration.ts';
import { fromConfigurationMessage, toAppliedMessage, toConfigurationMessage } from './wire.ts';

/** The service. */
export function createAdminService(deps: AdminDeps): AdminServiceImplementation {
  return {
    async plan({ configuration, prune }, context) {
      const wanted = fromConfigurationMessage(configuration);
      const options = { prune, dryRun: true, actor: callerName(context) };
      return toAppliedMessage(await applyConfiguration(deps, wanted, options));
    },
    async apply({ configuration, prune }, context) {
      const wanted = fromConfigurationMessage(configuration);
      const options = { prune, dryRun: false, actor: callerName(context) };
      return toAppliedMessage(await applyConfiguration(deps, wanted, options));
    },
    async get() {
      return { configuration: toConfigurationMessage(await readConfiguration(deps.database)) };
    },
  };
}

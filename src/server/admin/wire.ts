/** Configurations and changes between messages and the domain. */
import type { Configuration } from '../../domain/configuration/configuration.ts';
import type { Change, ChangeAction } from '../../domain/configuration/diff.ts';
import { parseConfiguration } from '../../domain/configuration/parse-configuration.ts';
import { withoutNulls } from '../../domain/configuration/without-nulls.ts';
import * as wire from '../../gen/enmesh/admin/v1/admin.ts';
import type { Configuration as ConfigurationMessage } from '../../gen/enmesh/admin/v1/configuration.ts';
import type { Applied } from './apply-configuration.ts';

/** What a service implementation may answer a configuration with. */
type ConfigurationAnswer = wire.DeepPartial<ConfigurationMessage>;

const actions: Record<ChangeAction, wire.ChangeAction> = {
  create: wire.ChangeAction.CREATE,
  update: wire.ChangeAction.UPDATE,
  delete: wire.ChangeAction.DELETE,
};

/**
 * Checks a message as thoroughly as a file: what it leaves empty takes its default.
 * @throws AppError `invalid`/`invalid_configuration` with one line a fault
 */
export function fromConfigurationMessage(message: ConfigurationMessage | undefined): Configuration {
  return parseConfiguration(toDocument(message ?? {}));
}

/** For an answer. */
export function toConfigurationMessage(configuration: Configuration): ConfigurationAnswer {
  return withoutNulls(configuration);
}

/** For an answer to Plan and to Apply. */
export function toAppliedMessage({ changes, warnings }: Applied): wire.PlanResponse & wire.ApplyResponse {
  return { changes: changes.map(toChangeMessage), warnings: [...warnings] };
}

function toChangeMessage({ action, list, name, fields }: Change): wire.Change {
  return {
    action: actions[action],
    list,
    name,
    fields: fields.map(({ path, before, after }) => ({ path, before: before ?? '', after: after ?? '' })),
  };
}

/** A message as a file would write it: durations as text, and nothing where protobuf says nothing. */
function toDocument(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(toDocument);
  return Object.fromEntries(Object.entries(value).flatMap(([name, field]) => toField(name, field)));
}

function toField(name: string, value: unknown): [string, unknown][] {
  if (value === undefined || value === '') return [];
  if (!name.endsWith('Seconds') || typeof value !== 'number') return [[name, toDocument(value)]];
  return value === 0 ? [] : [[name.slice(0, -'Seconds'.length), `${String(value)}s`]];
}

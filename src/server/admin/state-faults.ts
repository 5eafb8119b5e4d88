/** What the state of the installation forbids, however well a configuration is written. */
import type { Configuration } from '../../domain/configuration/configuration.ts';
import type { Change } from '../../domain/configuration/diff.ts';
import { fault, type Fault } from '../../domain/configuration/faults.ts';
import type { Queryable } from '../../storage/database.ts';
import { exportsInUse } from '../../storage/configuration/exports.ts';
import { signingKeysWithVersions } from '../../storage/configuration/signing-keys.ts';

/** Fields that place an export's files. */
const placeFields: ReadonlySet<string> = new Set(['bucket', 'filenameRoot']);
/** Fields that phones know a signing key's versions by. */
const identityFields: ReadonlySet<string> = new Set(['key', 'keyId', 'keyVersion']);

/** Faults of changes that would lose files or keys; each with its cure. */
export async function stateFaults(
  client: Queryable,
  wanted: Configuration,
  changes: readonly Change[],
): Promise<Fault[]> {
  return [...(await exportFaults(client, wanted, changes)), ...(await signingKeyFaults(client, wanted, changes))];
}

async function exportFaults(client: Queryable, wanted: Configuration, changes: readonly Change[]): Promise<Fault[]> {
  const deleted = changes.filter(({ list, action }) => list === 'exports' && action === 'delete');
  const moved = changedFields(changes, 'exports', placeFields);
  if (deleted.length + moved.length === 0) return [];
  const inUse = await exportsInUse(
    client,
    [...deleted, ...moved].map(({ name }) => name),
  );
  return [
    ...deleted
      .filter(({ name }) => inUse.has(name))
      .map(({ name }) =>
        fault(
          ['exports'],
          `does not name ${name}, which has files: keep it with a \`thru\` in the past until clean-up has deleted them`,
        ),
      ),
    ...moved
      .filter(({ name }) => inUse.has(name))
      .map(({ name, field }) =>
        fault(
          ['exports', wanted.exports.findIndex((series) => series.name === name), field],
          'cannot change once there are files: phones would lose them; make a new export and end this one with `thru`',
        ),
      ),
  ];
}

async function signingKeyFaults(
  client: Queryable,
  wanted: Configuration,
  changes: readonly Change[],
): Promise<Fault[]> {
  const changed = changedFields(changes, 'signingKeys', identityFields);
  if (changed.length === 0) return [];
  const versioned = await signingKeysWithVersions(client);
  return changed
    .filter(({ name }) => versioned.has(name))
    .map(({ name, field }) =>
      fault(
        ['signingKeys', wanted.signingKeys.findIndex((key) => key.name === name), field],
        'cannot change once the key has a version, which phones know; rotate it with `enmesh keys rotate`, or add another signing key',
      ),
    );
}

function changedFields(
  changes: readonly Change[],
  list: Change['list'],
  fields: ReadonlySet<string>,
): { name: string; field: string }[] {
  return changes
    .filter((change) => change.list === list && change.action === 'update')
    .flatMap((change) =>
      change.fields.filter(({ path }) => fields.has(path)).map(({ path }) => ({ name: change.name, field: path })),
    );
}

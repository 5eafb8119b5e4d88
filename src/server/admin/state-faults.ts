/** What the state of the installation forbids, however well a configuration is written. */
import type { Configuration } from '../../domain/configuration/configuration.ts';
import type { Change, FieldChange } from '../../domain/configuration/diff.ts';
import { fault, type Fault } from '../../domain/configuration/faults.ts';
import type { Queryable } from '../../storage/database.ts';
import { exportsInUse, readExports } from '../../storage/configuration/exports.ts';
import { formerRoots, rootsLeftByOthers } from '../../storage/exports/former-places.ts';
import { signingKeysWithVersions } from '../../storage/configuration/signing-keys.ts';

/** Fields that phones know a signing key's versions by. */
const identityFields: ReadonlySet<string> = new Set(['key', 'keyId', 'keyVersion']);

/** Faults of changes that would lose files or keys; each with its cure. */
export async function stateFaults(
  client: Queryable,
  wanted: Configuration,
  changes: readonly Change[],
): Promise<Fault[]> {
  return [
    ...(await exportFaults(client, wanted, changes)),
    ...(await mirrorFaults(client, wanted, changes)),
    ...(await signingKeyFaults(client, wanted, changes)),
  ];
}

/** Readers look for a place that an export has left before they look for a mirror, and clean-up deletes the index there. */
async function mirrorFaults(client: Queryable, wanted: Configuration, changes: readonly Change[]): Promise<Fault[]> {
  const placed = changes.filter(
    ({ list, action, fields }) => list === 'mirrors' && action !== 'delete' && fields.some(isRoot),
  );
  if (placed.length === 0) return [];
  const moving = changes.filter(
    ({ list, action, fields }) => list === 'exports' && action === 'update' && fields.some(isRoot),
  );
  const leaving = await rootsInUse(
    client,
    moving.map(({ name }) => name),
  );
  const left = await formerRoots(client);
  return placed.flatMap(({ name }) => {
    const index = wanted.mirrors.findIndex((mirror) => mirror.name === name);
    const root = wanted.mirrors[index]?.filenameRoot.toLowerCase() ?? '';
    const owner = left.get(root) ?? leaving.get(root);
    return owner === undefined ? [] : [leftFault(['mirrors', index, 'filenameRoot'], owner)];
  });
}

async function exportFaults(client: Queryable, wanted: Configuration, changes: readonly Change[]): Promise<Fault[]> {
  return [...(await deletionFaults(client, changes)), ...(await placeFaults(client, wanted, changes))];
}

async function deletionFaults(client: Queryable, changes: readonly Change[]): Promise<Fault[]> {
  const deleted = changes.filter(({ list, action }) => list === 'exports' && action === 'delete');
  if (deleted.length === 0) return [];
  const inUse = await exportsInUse(
    client,
    deleted.map(({ name }) => name),
  );
  return deleted
    .filter(({ name }) => inUse.has(name))
    .map(({ name }) =>
      fault(
        ['exports'],
        `does not name ${name}, which has files: keep it with a \`thru\` in the past until clean-up has deleted them`,
      ),
    );
}

/** A root leads to the files of one export alone, also while those that moved away from it are served there. */
async function placeFaults(client: Queryable, wanted: Configuration, changes: readonly Change[]): Promise<Fault[]> {
  const placed = changes.filter(
    (change) => change.list === 'exports' && change.action !== 'delete' && change.fields.some(isRoot),
  );
  const moving = changes.filter(
    (change) => change.list === 'exports' && change.action === 'update' && change.fields.some(isRoot),
  );
  if (placed.length === 0) return [];
  const leaving = await rootsInUse(
    client,
    moving.map(({ name }) => name),
  );
  const faults: Fault[] = [];
  for (const { name } of placed) {
    const index = wanted.exports.findIndex((series) => series.name === name);
    const root = wanted.exports[index]?.filenameRoot.toLowerCase() ?? '';
    const left = await rootsLeftByOthers(client, name);
    const owner = left.get(root) ?? leaving.get(root);
    if (owner === undefined || owner === name) continue;
    faults.push(leftFault(['exports', index, 'filenameRoot'], owner));
  }
  return faults;
}

function leftFault(path: Parameters<typeof fault>[0], owner: string): Fault {
  return fault(
    path,
    `still leads to files of ${owner}, which moves away from it; take another until clean-up has deleted them`,
  );
}

/** Current roots of those exports that have files, in lower case, with their exports' names. */
async function rootsInUse(client: Queryable, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const inUse = await exportsInUse(client, names);
  const current = await readExports(client);
  return new Map(
    current.filter(({ name }) => inUse.has(name)).map(({ name, filenameRoot }) => [filenameRoot.toLowerCase(), name]),
  );
}

function isRoot({ path }: FieldChange): boolean {
  return path === 'filenameRoot';
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

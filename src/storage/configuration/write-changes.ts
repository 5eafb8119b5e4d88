/** Makes changes of the configuration true, with an audit row for each. */
import type { Change, FieldChange, ListChange } from '../../domain/configuration/diff.ts';
import type { ListName, Member } from '../../domain/configuration/lists.ts';
import type { Queryable } from '../database.ts';
import { enterPlaces, leavePlaces } from '../exports/former-places.ts';
import { leaveNames } from '../exposures/withdrawal-subjects.ts';
import { deleteApp, saveApp } from './apps.ts';
import { recordAudit } from './audit.ts';
import { deleteExport, noteAddedExports, saveExport } from './exports.ts';
import { deleteHealthAuthority, saveHealthAuthority } from './health-authorities.ts';
import { deleteImport, saveImport } from './imports.ts';
import { deleteMirror, saveMirror } from './mirrors.ts';
import { deletePartner, savePartner } from './partners.ts';
import { deleteSigningKey, saveSigningKey } from './signing-keys.ts';

/** How members of a list are written. */
interface Writer<List extends ListName> {
  readonly save: (client: Queryable, member: Member<List>) => Promise<void>;
  readonly remove: (client: Queryable, name: string) => Promise<void>;
}

const writers: { readonly [List in ListName]: Writer<List> } = {
  healthAuthorities: { save: saveHealthAuthority, remove: deleteHealthAuthority },
  apps: { save: saveApp, remove: deleteApp },
  signingKeys: { save: saveSigningKey, remove: deleteSigningKey },
  exports: { save: saveExport, remove: deleteExport },
  partners: { save: savePartner, remove: deletePartner },
  mirrors: { save: saveMirror, remove: deleteMirror },
  imports: { save: saveImport, remove: deleteImport },
};

/** Lists whose members bring keys, which stay when a member goes. */
const keyBringers = [
  ['apps', 'app'],
  ['healthAuthorities', 'authority'],
  ['partners', 'partner'],
  ['imports', 'import'],
] as const;

/**
 * Writes the changes in their order, in the caller's transaction, which holds the configuration's lock.
 * @param options.actor who asked for them
 * @param options.at when; null = the database's clock
 */
export async function writeChanges(
  client: Queryable,
  changes: readonly Change[],
  { actor, at }: { readonly actor: string; readonly at: Date | null },
): Promise<void> {
  if (changes.length === 0) return;
  const placed = changes.filter(
    ({ list, action, fields }) => list === 'exports' && action !== 'delete' && fields.some(isPlace),
  );
  const moving = placed.filter(({ action }) => action === 'update');
  await leavePlaces(client, moving.map(nameOf), at);
  await leaveRemovedNames(client, changes, at);
  for (const change of changes) {
    await write(client, change);
    await recordAudit(client, {
      at,
      actor,
      action: change.action,
      subject: `${change.list}/${change.name}`,
      change: { fields: change.fields.map(auditField) },
    });
  }
  await enterPlaces(client, placed.map(nameOf), at);
  const added = placed.filter(({ action }) => action === 'create');
  await noteAddedExports(client, added.map(nameOf), at);
}

async function leaveRemovedNames(client: Queryable, changes: readonly Change[], at: Date | null): Promise<void> {
  const removed = changes.filter(({ action }) => action === 'delete');
  for (const [list, scope] of keyBringers) {
    const names = removed.filter((change) => change.list === list).map(nameOf);
    await leaveNames(client, scope, { names, at });
  }
}

function nameOf({ name }: Change): string {
  return name;
}

async function write<List extends ListName>(client: Queryable, change: ListChange<List>): Promise<void> {
  const { save, remove } = writers[change.list];
  await (change.action === 'delete' ? remove(client, change.name) : save(client, change.member));
}

function isPlace({ path }: FieldChange): boolean {
  return path === 'filenameRoot' || path === 'bucket';
}

function auditField({ path, before, after }: FieldChange): object {
  return { path, before: fromJson(before), after: fromJson(after) };
}

function fromJson(text: string | undefined): unknown {
  return text === undefined ? null : (JSON.parse(text) as unknown);
}

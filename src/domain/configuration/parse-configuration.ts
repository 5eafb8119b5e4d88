/** A configuration file's content → Configuration: every fault is found before the first is told. */
import type { z } from 'zod';
import type { Configuration } from './configuration.ts';
import { exportSeries, signingKey } from './export-schemas.ts';
import { fault, refuseFaults, type Fault, type PathPart } from './faults.ts';
import { importSource, mirror, partner } from './federation-schemas.ts';
import { listNames, type ListName, type Member } from './lists.ts';
import { memberRules } from './member-rules.ts';
import { app, healthAuthority } from './publishing-schemas.ts';
import { describeIssue, schemaFaults } from './schema-faults.ts';
import { uniquenessFaults, type Entries, type Entry } from './uniqueness.ts';

const schemas: { readonly [List in ListName]: z.ZodType<Member<List>> } = {
  healthAuthorities: healthAuthority,
  apps: app,
  signingKeys: signingKey,
  exports: exportSeries,
  partners: partner,
  mirrors: mirror,
  imports: importSource,
};

/**
 * Reads a parsed YAML or JSON document. Fields that are left out take their defaults; regions are upper-cased.
 * What depends on the installation or on what it has already is checked by `installationFaults` and `referenceFaults`.
 * @throws AppError `invalid`/`invalid_configuration` with one line for each fault, `path: what is wrong`
 */
export function parseConfiguration(document: unknown): Configuration {
  const faults: Fault[] = [];
  const lists = readLists(document, faults);
  const entries = Object.fromEntries(listNames.map((list) => [list, readMembers(list, lists[list], faults)]));
  faults.push(...ruleFaults(entries as unknown as Entries), ...uniquenessFaults(entries as unknown as Entries));
  refuseFaults(faults);
  const members = listNames.map((list) => [list, (entries[list] ?? []).map(({ member }) => member)] as const);
  return Object.fromEntries(members) as unknown as Configuration;
}

/** The document's lists, each an array; everything else is a fault. */
function readLists(document: unknown, faults: Fault[]): Partial<Record<string, readonly unknown[]>> {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    faults.push(fault([], `wants lists such as ${listNames.slice(0, 4).join(', ')} at its top`));
    return {};
  }
  const lists: Partial<Record<string, readonly unknown[]>> = {};
  for (const [name, value] of Object.entries(document)) {
    if (!(listNames as readonly string[]).includes(name)) {
      faults.push(fault([name], `is not a list of a configuration; those are ${listNames.join(', ')}`));
    } else if (Array.isArray(value)) {
      lists[name] = value;
    } else if (value !== null && value !== undefined) {
      faults.push(fault([name], 'wants a list'));
    }
  }
  return lists;
}

function readMembers<List extends ListName>(
  list: List,
  written: readonly unknown[] | undefined,
  faults: Fault[],
): Entry<List>[] {
  return (written ?? []).flatMap((value, index) => {
    const path: readonly PathPart[] = [list, index];
    const result = schemas[list].safeParse(value, { error: describeIssue });
    if (result.success) return [{ path, member: result.data }];
    faults.push(...schemaFaults(path, result.error.issues));
    return [];
  });
}

function ruleFaults(entries: Entries): Fault[] {
  return listNames.flatMap((list) => membersFaults(list, entries[list]));
}

function membersFaults<List extends ListName>(list: List, entries: readonly Entry<List>[]): Fault[] {
  const rule = memberRules[list] as ((member: Member<List>, path: readonly PathPart[]) => Fault[]) | undefined;
  return rule === undefined ? [] : entries.flatMap(({ member, path }) => rule(member, path));
}

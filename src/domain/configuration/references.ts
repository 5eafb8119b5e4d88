/** What a configuration names must exist, and what must be unique must stay so, beside what the installation has already. */
import { authorityId } from '../federation/authority-id.ts';
import type { Configuration, SigningKey } from './configuration.ts';
import { fault, type Fault } from './faults.ts';
import { emptyConfiguration, listNames, memberName, type ListName, type Member } from './lists.ts';

/**
 * Faults between the wanted configuration and the current one.
 * @param current what stays beside the wanted; with `prune` nothing does
 */
export function referenceFaults(wanted: Configuration, current: Configuration, prune: boolean): Fault[] {
  const kept = prune ? emptyConfiguration : unnamed(wanted, current);
  const issuers = new Set([...wanted.healthAuthorities, ...kept.healthAuthorities].map(({ issuer }) => issuer));
  const signingKeys = new Set([...wanted.signingKeys, ...kept.signingKeys].map(({ name }) => name));
  return [
    ...wanted.apps.flatMap((app, index) =>
      missing(app.healthAuthorities, issuers, ['apps', index, 'healthAuthorities'], 'issuer'),
    ),
    ...wanted.exports.flatMap((series, index) =>
      missing(series.signingKeys, signingKeys, ['exports', index, 'signingKeys'], 'signing key'),
    ),
    ...signerFaults(wanted, kept),
    ...rootFaults(wanted, kept),
    ...identityFaults(wanted, kept),
  ];
}

/** The members of the current configuration that the wanted one does not name. */
export function unnamed(wanted: Configuration, current: Configuration): Configuration {
  return Object.fromEntries(
    listNames.map((list) => [list, unnamedMembers(list, wanted[list], current[list])]),
  ) as unknown as Configuration;
}

function unnamedMembers<List extends ListName>(
  list: List,
  wanted: readonly Member<List>[],
  current: readonly Member<List>[],
): Member<List>[] {
  const names = new Set(wanted.map((member) => memberName(list, member)));
  return current.filter((member) => !names.has(memberName(list, member)));
}

function missing(
  names: readonly string[],
  known: ReadonlySet<string>,
  path: readonly [ListName, number, string],
  what: string,
): Fault[] {
  return names.flatMap((name, index) =>
    known.has(name) ? [] : [fault([...path, index], `names no ${what} of this file or of the installation; add it`)],
  );
}

/** Phones know whose signature one is by keyId and keyVersion. */
function signerFaults(wanted: Configuration, kept: Configuration): Fault[] {
  const signingKeys = new Map([...wanted.signingKeys, ...kept.signingKeys].map((key) => [key.name, key]));
  return wanted.exports.flatMap((series, index) => {
    const signers = series.signingKeys.map((name) => signingKeys.get(name));
    return signers.flatMap((signer, position) => {
      const twin = signers.slice(0, position).find((earlier) => isKnownAlike(earlier, signer));
      const message = `has the keyId and keyVersion of ${twin?.name ?? ''}, so phones cannot tell them apart; give it another keyVersion`;
      return twin === undefined ? [] : [fault(['exports', index, 'signingKeys', position], message)];
    });
  });
}

function isKnownAlike(one: SigningKey | undefined, other: SigningKey | undefined): boolean {
  return one !== undefined && other !== undefined && one.keyId === other.keyId && one.keyVersion === other.keyVersion;
}

/** A caller's token must name one partner. */
function identityFaults(wanted: Configuration, kept: Configuration): Fault[] {
  const identities = new Set(kept.partners.map(({ identity }) => authorityId(identity)));
  return wanted.partners.flatMap(({ identity }, index) =>
    identities.has(authorityId(identity))
      ? [fault(['partners', index, 'identity', 'subject'], 'is that of another partner of the installation')]
      : [],
  );
}

function rootFaults(wanted: Configuration, kept: Configuration): Fault[] {
  const roots = new Set(kept.exports.map(({ filenameRoot }) => filenameRoot.toLowerCase()));
  const objects = new Set([...kept.exports, ...kept.mirrors].map(objectPrefix));
  const message = 'is in use by another export or mirror of the installation; take another';
  return [
    ...wanted.exports.flatMap((series, index) =>
      roots.has(series.filenameRoot.toLowerCase()) || objects.has(objectPrefix(series))
        ? [fault(['exports', index, 'filenameRoot'], message)]
        : [],
    ),
    ...wanted.mirrors.flatMap((mirror, index) =>
      objects.has(objectPrefix(mirror)) ? [fault(['mirrors', index, 'filenameRoot'], message)] : [],
    ),
  ];
}

function objectPrefix({ bucket, filenameRoot }: { readonly bucket: string; readonly filenameRoot: string }): string {
  return `${bucket}\n${filenameRoot.toLowerCase()}`;
}

/** What must hold within one member of a list, whatever the installation. */
import type {
  App,
  Configuration,
  Export,
  HealthAuthority,
  Import,
  Partner,
  SigningKey,
  Validity,
} from './configuration.ts';
import { MAX_SIGNERS } from '../export/key-version.ts';
import { fault, type Fault, type PathPart } from './faults.ts';
import { daySeconds } from './phone-limits.ts';

type Path = readonly PathPart[];

/** Well below the least retention: a batch must be built before its keys are deleted. */
const mostShiftSeconds = 7 * daySeconds;

/** Rules by list; lists without an entry have none. */
export const memberRules: {
  readonly [List in keyof Configuration]?: (member: Configuration[List][number], path: Path) => Fault[];
} = {
  healthAuthorities: healthAuthorityFaults,
  apps: appFaults,
  signingKeys: signingKeyFaults,
  exports: exportFaults,
  partners: partnerFaults,
  imports: importFaults,
};

function healthAuthorityFaults(authority: HealthAuthority, path: Path): Fault[] {
  return [
    ...twice(authority.keys, (key) => key.version, [...path, 'keys'], 'version'),
    ...authority.keys.flatMap((key, index) => validityFaults(key, [...path, 'keys', index])),
  ];
}

function appFaults(app: App, path: Path): Fault[] {
  const faults = twice(app.healthAuthorities, (issuer) => issuer, [...path, 'healthAuthorities']);
  if (app.healthAuthorities.length === 0 && !app.bypassCertificate) {
    faults.push(fault([...path, 'healthAuthorities'], 'is empty, so nobody could publish; name an issuer'));
  }
  if (app.attestation === 'require' && app.android === null && app.ios === null) {
    faults.push(fault([...path, 'attestation'], 'is require, so nobody could publish; add android or ios'));
  }
  return faults;
}

/** `enmesh keys rotate identity` means our issuer's key. */
function signingKeyFaults({ name }: SigningKey, path: Path): Fault[] {
  if (name !== 'identity') return [];
  return [fault([...path, 'name'], "is that of our issuer's key in `enmesh keys`; take another")];
}

function exportFaults(series: Export, path: Path): Fault[] {
  const faults = twice(series.signingKeys, (key) => key, [...path, 'signingKeys']);
  if (series.signingKeys.length === 0 || series.signingKeys.length > MAX_SIGNERS) {
    faults.push(fault([...path, 'signingKeys'], `wants 1 to ${String(MAX_SIGNERS)} names of signing keys`));
  }
  if (series.includeTravelers && series.onlyNonTravelers) {
    faults.push(fault([...path, 'onlyNonTravelers'], 'excludes includeTravelers; set one of them to false'));
  }
  if (series.periodSeconds > daySeconds) {
    faults.push(fault([...path, 'period'], 'is longer than a day; take 24h or less'));
  }
  if (series.shiftSeconds !== null && series.shiftSeconds > mostShiftSeconds) {
    faults.push(fault([...path, 'shift'], 'is longer than 7d, so keys could be deleted before they are published'));
  }
  if (series.from !== null) faults.push(...validityFaults({ from: series.from, thru: series.thru }, path));
  return faults;
}

function partnerFaults({ pull, requireServerIdentity }: Partner, path: Path): Fault[] {
  const faults: Fault[] = [];
  if (pull?.protocol === 'fetch' && requireServerIdentity) {
    faults.push(
      fault(
        [...path, 'requireServerIdentity'],
        'cannot hold with pull.protocol fetch, in which servers prove nothing; set it to false or pull with stream',
      ),
    );
  }
  // Every server refuses such a question (reference 5.3, step 1).
  const asked = new Set(pull?.regions);
  for (const [index, region] of (pull?.excludeRegions ?? []).entries()) {
    if (asked.has(region)) faults.push(fault([...path, 'pull', 'excludeRegions', index], 'is also in pull.regions'));
  }
  return faults;
}

function importFaults(source: Import, path: Path): Fault[] {
  const identity = (key: Import['publicKeys'][number]) => JSON.stringify([key.keyId, key.keyVersion]);
  return [
    ...twice(source.publicKeys, identity, [...path, 'publicKeys'], 'keyVersion'),
    ...source.publicKeys.flatMap((key, index) => validityFaults(key, [...path, 'publicKeys', index])),
  ];
}

function validityFaults({ from, thru }: Validity, path: Path): Fault[] {
  return thru === null || thru > from ? [] : [fault([...path, 'thru'], 'is not after from')];
}

/** A fault for each item that stood in the list before. */
function twice<T>(items: readonly T[], identity: (item: T) => string, path: Path, field?: string): Fault[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const isRepeated = seen.has(identity(item));
    seen.add(identity(item));
    return isRepeated ? [fault([...path, index, ...(field === undefined ? [] : [field])], 'stands here twice')] : [];
  });
}

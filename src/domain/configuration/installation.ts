/** What a configuration must not ask of this installation: windows that phones cannot follow, addresses without TLS, unreadable keys. */
import type { Configuration, Export } from './configuration.ts';
import { formatDuration } from './duration.ts';
import { fault, type Fault, type PathPart } from './faults.ts';
import { isLoopbackHttp } from './fields.ts';
import { daySeconds, leastGraceSeconds, mostFilesADay, mostKeysForPhones } from './phone-limits.ts';

/** What an installation allows. */
export interface Installation {
  /** Times of keys are multiples of this. */
  readonly truncateSeconds: number;
  /** ENMESH_EXPORT_MAX_RECORDS: most keys in one file, where the export doesn't say. */
  readonly maxRecords: number;
  /** Test installations: exports with more than 15 files a day, larger files, short grace. */
  readonly allowShortWindows: boolean;
  /** Test installations: plain http on loopback addresses. */
  readonly allowLoopback: boolean;
  /** True for an SPKI PEM of a P-256 key. */
  isP256PublicKey(pem: string): boolean;
  /** True for an X.509 certificate of an authority, whose key attestations may lead to. */
  isAuthorityCertificate(pem: string): boolean;
}

type Path = readonly PathPart[];

/** Faults that depend on the installation. */
export function installationFaults(configuration: Configuration, installation: Installation): Fault[] {
  return [
    ...configuration.exports.flatMap((series, index) => exportFaults(series, ['exports', index], installation)),
    ...urls(configuration)
      .filter(({ url }) => !installation.allowLoopback && url !== null && isLoopbackHttp(url))
      .map(({ path }) => fault(path, 'wants https; plain http needs ENMESH_UNSAFE_LOOPBACK=true')),
    ...publicKeys(configuration)
      .filter(({ pem }) => !installation.isP256PublicKey(pem))
      .map(({ path }) => fault(path, 'is not a P-256 public key; make one with `openssl ec -pubout`')),
    ...certificates(configuration)
      .filter(({ pem }) => !installation.isAuthorityCertificate(pem))
      .map(({ path }) =>
        fault(path, 'is not the certificate of an authority on P-256 or P-384, such as Apple App Attestation Root CA'),
      ),
  ];
}

function exportFaults(series: Export, path: Path, installation: Installation): Fault[] {
  const faults: Fault[] = [];
  if (series.periodSeconds % installation.truncateSeconds !== 0) {
    const window = formatDuration(installation.truncateSeconds);
    faults.push(
      fault([...path, 'period'], `is not a multiple of ENMESH_TRUNCATE_WINDOW, which is ${window}; change either`),
    );
  }
  if (installation.allowShortWindows) return faults;
  if (daySeconds % series.periodSeconds !== 0) {
    faults.push(
      fault(
        [...path, 'period'],
        'does not divide a day; take 2h, 3h, 4h, 6h, 8h, 12h or 24h, or set ENMESH_UNSAFE_SHORT_WINDOWS=true',
      ),
    );
  }
  if (series.periodSeconds * mostFilesADay < daySeconds) {
    faults.push(
      fault(
        [...path, 'period'],
        'makes more than 15 files a day, which phones do not follow; take 2h or more, or set ENMESH_UNSAFE_SHORT_WINDOWS=true',
      ),
    );
  }
  if (series.graceSeconds < leastGraceSeconds) {
    faults.push(
      fault(
        [...path, 'grace'],
        'is shorter than 24h, so cached indexes would name files that are gone; take 24h or more, or set ENMESH_UNSAFE_SHORT_WINDOWS=true',
      ),
    );
  }
  return [...faults, ...fileSizeFaults(series, path, installation)];
}

function fileSizeFaults({ maxRecords }: Export, path: Path, installation: Installation): Fault[] {
  if ((maxRecords ?? installation.maxRecords) <= mostKeysForPhones) return [];
  const what = maxRecords === null ? 'is ENMESH_EXPORT_MAX_RECORDS, which makes files of' : 'makes files of';
  return [
    fault(
      [...path, 'maxRecords'],
      `${what} more than ${String(mostKeysForPhones)} keys, which phones do not read; take fewer (a batch of more keys becomes several files), or set ENMESH_UNSAFE_SHORT_WINDOWS=true`,
    ),
  ];
}

function urls(configuration: Configuration): { path: Path; url: string | null }[] {
  return [
    ...configuration.healthAuthorities.map(({ jwksUri }, index) => ({
      path: ['healthAuthorities', index, 'jwksUri'],
      url: jwksUri,
    })),
    ...configuration.partners.map(({ identity }, index) => ({
      path: ['partners', index, 'identity', 'issuer'],
      url: identity.issuer,
    })),
    ...(['mirrors', 'imports'] as const).flatMap((list) =>
      configuration[list].flatMap(({ indexUrl, baseUrl }, index) => [
        { path: [list, index, 'indexUrl'], url: indexUrl },
        { path: [list, index, 'baseUrl'], url: baseUrl },
      ]),
    ),
  ];
}

function publicKeys(configuration: Configuration): { path: Path; pem: string }[] {
  return [
    ...configuration.healthAuthorities.flatMap(({ keys }, index) =>
      keys.map(({ publicKeyPem }, key) => ({
        path: ['healthAuthorities', index, 'keys', key, 'publicKeyPem'],
        pem: publicKeyPem,
      })),
    ),
    ...configuration.imports.flatMap((source, index) =>
      source.publicKeys.map(({ publicKeyPem }, key) => ({
        path: ['imports', index, 'publicKeys', key, 'publicKeyPem'],
        pem: publicKeyPem,
      })),
    ),
  ];
}

function certificates(configuration: Configuration): { path: Path; pem: string }[] {
  return configuration.apps.flatMap(({ ios }, index) =>
    (ios?.rootCertificates ?? []).map((pem, certificate) => ({
      path: ['apps', index, 'ios', 'rootCertificates', certificate],
      pem,
    })),
  );
}

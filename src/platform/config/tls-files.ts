/** TLS material named by the environment: PEM files → PEM text, with faults that name the variable. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { isLoopback } from './address.ts';
import type { Role } from './check-values.ts';
import { ConfigurationError, type Values } from './load.ts';
import type { VariableName } from './variables.ts';

/** What a listening role shows, and whom it trusts. PEM text. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  readonly clientCa?: string;
}

/** What a caller shows, and whom it trusts. PEM text. */
export interface ClientTls {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

/** How this process proves itself to the roles that it calls. */
export interface CallSettings {
  readonly tls?: ClientTls;
  readonly token?: string;
}

/** The variables of one certificate. */
interface TlsNames {
  readonly cert: VariableName;
  readonly key: VariableName;
  readonly ca?: VariableName;
}

const client = {
  cert: 'ENMESH_CLIENT_TLS_CERT',
  key: 'ENMESH_CLIENT_TLS_KEY',
  ca: 'ENMESH_CLIENT_TLS_CA',
} as const satisfies TlsNames;

/** Shown to partners, whose roots stand elsewhere. */
const partnerClient = {
  cert: 'ENMESH_FEDERATION_CLIENT_TLS_CERT',
  key: 'ENMESH_FEDERATION_CLIENT_TLS_KEY',
} as const satisfies TlsNames;

const ofRole: Readonly<Record<Role, TlsNames>> = {
  gateway: { cert: 'ENMESH_GATEWAY_TLS_CERT', key: 'ENMESH_GATEWAY_TLS_KEY' },
  server: grpcNames('ENMESH_GRPC'),
  export: grpcNames('ENMESH_EXPORT'),
  federation: grpcNames('ENMESH_FEDERATION'),
};

function grpcNames(prefix: 'ENMESH_GRPC' | 'ENMESH_EXPORT' | 'ENMESH_FEDERATION'): TlsNames {
  return { cert: `${prefix}_TLS_CERT`, key: `${prefix}_TLS_KEY`, ca: `${prefix}_TLS_CLIENT_CA` };
}

/**
 * Every fault of the TLS files that these roles use, one line each.
 * @param except variables that nothing is said about
 */
export async function tlsFaults(
  values: Partial<Values>,
  roles: ReadonlySet<Role>,
  except: ReadonlySet<VariableName> = new Set(),
): Promise<string[]> {
  const used = [
    ...[...roles].map((role) => ofRole[role]),
    ...(roles.has('gateway') ? [client] : []),
    ...(roles.has('federation') ? [partnerClient] : []),
  ];
  const checked = used.filter((names) => !Object.values(names).some((name: VariableName) => except.has(name)));
  return (await Promise.all(checked.map((names) => faultsOfOne(values, names)))).flat();
}

/**
 * TLS of a listening role; undefined when it has none.
 * @throws ConfigurationError for a certificate without its key (or the other way), and for files that cannot be used
 */
export async function serverTls(
  values: Values,
  prefix: 'ENMESH_GATEWAY' | 'ENMESH_GRPC' | 'ENMESH_EXPORT' | 'ENMESH_FEDERATION',
): Promise<ServerTls | undefined> {
  const names = prefix === 'ENMESH_GATEWAY' ? ofRole.gateway : grpcNames(prefix);
  const { cert, key, ca } = await readOne(values, names);
  if (cert === undefined || key === undefined) return undefined;
  return { cert, key, ...(ca === undefined ? {} : { clientCa: ca }) };
}

/** A role that others call by gRPC. */
export type CalledRole = Exclude<Role, 'gateway'>;

const calledAddresses = {
  server: 'ENMESH_GRPC_ADDRESS',
  export: 'ENMESH_EXPORT_ADDRESS',
  federation: 'ENMESH_FEDERATION_ADDRESS',
} as const satisfies Record<CalledRole, VariableName>;

/**
 * What the environment says about calls to other roles.
 * @param role the one that is called where this environment lets it listen, undefined = one somewhere else: where the
 *   environment says which roles have TLS, one without it on a loopback address is called in plain text
 * @throws ConfigurationError for a certificate without its key or without a CA, and for files that cannot be used
 */
export async function callSettings(values: Values, role?: CalledRole): Promise<CallSettings> {
  const { cert, key, ca } = await readOne(values, client);
  const own = cert === undefined || key === undefined ? {} : { cert, key };
  const token = values.ENMESH_CLIENT_TOKEN;
  const hasTls = ca !== undefined && !(role !== undefined && listensPlain(values, role));
  return { ...(hasTls ? { tls: { ca, ...own } } : {}), ...(token === undefined ? {} : { token }) };
}

/** True when it is known to: an environment without any certificate is a mere caller's, and says nothing of it. */
function listensPlain(values: Values, role: CalledRole): boolean {
  const has = (one: CalledRole): boolean => values[ofRole[one].cert] !== undefined;
  return (
    !has(role) &&
    (['server', 'export', 'federation'] as const).some(has) &&
    isLoopback(values[calledAddresses[role]].host)
  );
}

/**
 * The certificate that partners are shown; empty when there is none.
 * @throws ConfigurationError for a certificate without its key (or the other way), and for files that cannot be used
 */
export async function partnerClientTls(values: Values): Promise<Pick<PemTexts, 'cert' | 'key'>> {
  return await readOne(values, partnerClient);
}

type PemTexts = Partial<Record<keyof TlsNames, string>>;

async function readOne(values: Values, names: TlsNames): Promise<PemTexts> {
  const faults = await faultsOfOne(values, names);
  if (faults.length > 0) throw new ConfigurationError(faults);
  return await readAll(values, names);
}

async function readAll(values: Partial<Values>, names: TlsNames): Promise<PemTexts> {
  const texts: PemTexts = {};
  for (const part of ['cert', 'key', 'ca'] as const) {
    const name = names[part];
    const text = name === undefined ? undefined : await pem(values, name);
    if (text !== undefined) texts[part] = text;
  }
  return texts;
}

async function faultsOfOne(values: Partial<Values>, names: TlsNames): Promise<string[]> {
  const faults = [...pairFaults(values, names), ...(await unreadableFiles(values, names))];
  if (faults.length > 0) return faults;
  try {
    const texts = await readAll(values, names);
    createSecureContext(texts);
    // A CA that is no certificate is passed over there.
    if (texts.ca !== undefined) new X509Certificate(texts.ca);
    return [];
  } catch {
    const set = Object.values(names).filter((name: VariableName) => values[name] !== undefined);
    return [`${set.join(', ')} cannot be used: wants PEM, and the key of that certificate`];
  }
}

function pairFaults(values: Partial<Values>, { cert, key, ca }: TlsNames): string[] {
  const has = (name: VariableName | undefined): boolean => name !== undefined && values[name] !== undefined;
  if (has(cert) !== has(key)) return [`${cert} and ${key} go together; set both or neither`];
  if (ca === undefined || has(cert) === has(ca)) return [];
  if (ca === client.ca) return has(ca) ? [] : [`${cert} needs ${ca}: who signs the roles that are called`];
  return has(cert) ? [] : [`${ca} needs ${cert} and ${key}: without TLS nobody shows a certificate`];
}

async function unreadableFiles(values: Partial<Values>, names: TlsNames): Promise<string[]> {
  const faults = Object.values(names).map(async (name: VariableName) => {
    try {
      await pem(values, name);
      return [];
    } catch (error) {
      return [`${name} names a file that cannot be read: ${error instanceof Error ? error.message : ''}`];
    }
  });
  return (await Promise.all(faults)).flat();
}

async function pem(values: Partial<Values>, name: VariableName): Promise<string | undefined> {
  const path = values[name];
  if (typeof path !== 'string') return undefined;
  return path.includes('-----BEGIN') ? path : await readFile(path, 'utf8');
}

/** TLS material named by the environment: PEM files → PEM text, with faults that name the variable. */
import { readFile } from 'node:fs/promises';
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

/**
 * TLS of a listening role; undefined when it has none.
 * @throws ConfigurationError for a certificate without its key (or the other way), and for files that cannot be read
 */
export async function serverTls(
  values: Values,
  prefix: 'ENMESH_GATEWAY' | 'ENMESH_GRPC' | 'ENMESH_EXPORT' | 'ENMESH_FEDERATION',
): Promise<ServerTls | undefined> {
  const cert = await pem(values, `${prefix}_TLS_CERT`);
  const key = await pem(values, `${prefix}_TLS_KEY`);
  const clientCa = prefix === 'ENMESH_GATEWAY' ? undefined : await pem(values, `${prefix}_TLS_CLIENT_CA`);
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new ConfigurationError([`${prefix}_TLS_CERT and ${prefix}_TLS_KEY go together; set both or neither`]);
  }
  return { cert, key, ...(clientCa === undefined ? {} : { clientCa }) };
}

/**
 * TLS for the calls of this process; undefined when they are plain.
 * @throws ConfigurationError for a certificate without its key or without a CA, and for files that cannot be read
 */
async function clientTls(values: Values): Promise<ClientTls | undefined> {
  const ca = await pem(values, 'ENMESH_CLIENT_TLS_CA');
  const cert = await pem(values, 'ENMESH_CLIENT_TLS_CERT');
  const key = await pem(values, 'ENMESH_CLIENT_TLS_KEY');
  if ((cert === undefined) !== (key === undefined)) {
    throw new ConfigurationError(['ENMESH_CLIENT_TLS_CERT and ENMESH_CLIENT_TLS_KEY go together; set both or neither']);
  }
  if (ca === undefined) {
    if (cert === undefined) return undefined;
    throw new ConfigurationError([
      'ENMESH_CLIENT_TLS_CERT needs ENMESH_CLIENT_TLS_CA: who signs the roles that are called',
    ]);
  }
  return { ca, ...(cert === undefined || key === undefined ? {} : { cert, key }) };
}

/** How this process proves itself to the roles that it calls. */
export interface CallSettings {
  readonly tls?: ClientTls;
  readonly token?: string;
}

/**
 * What the environment says about calls to other roles.
 * @throws ConfigurationError as {@link clientTls}, and for a token that would travel in plain text
 */
export async function callSettings(values: Values): Promise<CallSettings> {
  const tls = await clientTls(values);
  const token = values.ENMESH_CLIENT_TOKEN;
  if (token !== undefined && tls === undefined) {
    throw new ConfigurationError([
      'ENMESH_CLIENT_TOKEN needs ENMESH_CLIENT_TLS_CA: a token never travels in plain text',
    ]);
  }
  return { ...(tls === undefined ? {} : { tls }), ...(token === undefined ? {} : { token }) };
}

async function pem(values: Values, name: VariableName): Promise<string | undefined> {
  const path = values[name];
  if (typeof path !== 'string') return undefined;
  if (path.includes('-----BEGIN')) return path;
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ConfigurationError([
      `${name} names a file that cannot be read: ${error instanceof Error ? error.message : ''}`,
    ]);
  }
}

/** What an issuer publishes of itself, read as partners read it. */
import { rootCertificates } from 'node:tls';
import { wellKnownUrl } from '../../domain/federation/well-known.ts';
import { readRoots } from '../../platform/config/root-files.ts';
import type { Values } from '../../platform/config/load.ts';
import { downloadBytes } from '../../platform/download.ts';

const mostBytes = 256 * 1024;

/** Whose issuer it is, which decides where it may be and what messages call it. */
export interface IssuerOwner {
  /** `identity.issuer`, or a variable. */
  readonly setting: string;
  /** In our own network too. */
  readonly mayBePrivate: boolean;
}

/**
 * Its number of keys.
 * @throws AppError of the download; Error saying what is wrong with a document
 */
export async function readIssuer(values: Values, issuer: string, owner: IssuerOwner): Promise<number> {
  const configuration = await readDocument(values, wellKnownUrl(issuer, 'configuration'), owner);
  const { issuer: name, jwks_uri: keysUri } = configuration;
  if (name !== issuer) throw new Error(`${wellKnownUrl(issuer, 'configuration')} names another issuer`);
  if (typeof keysUri !== 'string' || !URL.canParse(keysUri)) throw new Error('its discovery document has no jwks_uri');
  const { keys } = await readDocument(values, keysUri, owner);
  if (!Array.isArray(keys) || keys.length === 0) throw new Error(`${keysUri} has no keys`);
  return keys.length;
}

async function readDocument(values: Values, url: string, owner: IssuerOwner): Promise<Record<string, unknown>> {
  const ca = await readRoots('ENMESH_FEDERATION_CA', values);
  const bytes = await downloadBytes(url, {
    places: {
      ca: ca === undefined ? undefined : [...rootCertificates, ca].join('\n'),
      allowPrivateAddresses: owner.mayBePrivate || values.ENMESH_FEDERATION_ALLOW_PRIVATE_ADDRESSES,
      allowLoopback: values.ENMESH_UNSAFE_LOOPBACK,
    },
    words: {
      content: url,
      setting: owner.setting,
      timeout: 'ENMESH_FEDERATION_ISSUER_TIMEOUT',
      roots: 'ENMESH_FEDERATION_CA',
      privateAddresses: 'ENMESH_FEDERATION_ALLOW_PRIVATE_ADDRESSES',
    },
    maxBytes: mostBytes,
    timeoutMs: values.ENMESH_FEDERATION_ISSUER_TIMEOUT * 1000,
    accept: 'application/json',
    signal: new AbortController().signal,
  });
  const document: unknown = JSON.parse(bytes.toString());
  return typeof document === 'object' && document !== null ? { ...document } : {};
}

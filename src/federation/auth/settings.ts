/** What the environment says about proving identities: ours to partners, and theirs to us. */
import { rootCertificates } from 'node:tls';
import { authorityId, type AuthorityId } from '../../domain/federation/authority-id.ts';
import type { Values } from '../../platform/config/load.ts';
import { readRoots } from '../../platform/config/root-files.ts';
import { partnerClientTls } from '../../platform/config/tls-files.ts';
import { googleIssuer } from './google-tokens.ts';
import type { IssuerDownloads } from './issuer-documents.ts';

/** Who we are. */
export interface OwnIdentity {
  readonly source: 'own' | 'google';
  /** `iss` of our tokens; undefined = not said: then deployed partners can read from us, and nothing else goes. */
  readonly issuer: string | undefined;
  /** `sub` of our tokens. */
  readonly subject: string;
  /** In the key manager. */
  readonly key: string;
  /** Of a service account of Google's. */
  readonly credentialsFile: string | undefined;
}

/** Everything that proving depends on. */
export interface AuthSettings {
  readonly identity: OwnIdentity;
  readonly issuers: IssuerDownloads;
  readonly channels: ChannelSettings;
}

/** How partners are called. */
export interface ChannelSettings {
  /** PEM texts: who signs their certificates (the system's roots when not given), and our own certificate. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Test installations: partners on loopback addresses are called without TLS, unless roots are given for them. */
  readonly allowLoopback: boolean;
}

/** @throws ConfigurationError for files that cannot be used */
export async function authSettings(values: Values): Promise<AuthSettings> {
  const ca = await readRoots('ENMESH_FEDERATION_CA', values);
  return {
    identity: ownIdentity(values),
    issuers: {
      places: {
        // Partners may have roots of their own, and Google's issuer has not.
        ca: ca === undefined ? undefined : [...rootCertificates, ca].join('\n'),
        allowPrivateAddresses: values.ENMESH_FEDERATION_ALLOW_PRIVATE_ADDRESSES,
        allowLoopback: values.ENMESH_UNSAFE_LOOPBACK,
      },
      timeoutMs: values.ENMESH_FEDERATION_ISSUER_TIMEOUT * 1000,
    },
    channels: {
      tls: { ...(await partnerClientTls(values)), ...(ca === undefined ? {} : { ca }) },
      allowLoopback: values.ENMESH_UNSAFE_LOOPBACK,
    },
  };
}

/** Who we are, as far as the environment says. */
export function ownIdentity(values: Values): OwnIdentity {
  const source = values.ENMESH_IDENTITY_SOURCE;
  return {
    source,
    issuer: values.ENMESH_IDENTITY_ISSUER ?? (source === 'google' ? googleIssuer : undefined),
    subject: values.ENMESH_IDENTITY_SUBJECT,
    key: values.ENMESH_IDENTITY_KEY,
    credentialsFile: values.ENMESH_IDENTITY_CREDENTIALS,
  };
}

/** Our name in the paths of keys. Without an issuer no key comes in: we cannot call, and nobody can push to us. */
export function ownAuthority({ issuer = '', subject }: Pick<OwnIdentity, 'issuer' | 'subject'>): AuthorityId {
  return authorityId({ issuer, subject });
}

/** Variables of certificates, and who may call what. */
import { rolePairs } from '../caller-readers.ts';
import * as read from '../readers.ts';
import { optional, variable, type Variable } from './declare.ts';

type TlsNames<Prefix extends string> = `${Prefix}_TLS_${'CERT' | 'KEY' | 'CLIENT_CA'}`;

function tls<Prefix extends string>(
  prefix: Prefix,
  what: string,
): Record<TlsNames<Prefix>, Variable<string | undefined>> {
  return {
    [`${prefix}_TLS_CERT`]: optional(read.text, `PEM file: certificate of ${what}.`),
    [`${prefix}_TLS_KEY`]: optional(read.text, 'PEM file: its private key.'),
    [`${prefix}_TLS_CLIENT_CA`]: optional(
      read.text,
      `PEM file: who signs the certificates that callers of ${what} must show.`,
    ),
  } as Record<TlsNames<Prefix>, Variable<string | undefined>>;
}

export const tlsAndCallers = {
  ENMESH_GATEWAY_TLS_CERT: optional(read.text, 'PEM file: certificate of the gateway.'),
  ENMESH_GATEWAY_TLS_KEY: optional(read.text, 'PEM file: its private key.'),
  ...tls('ENMESH_GRPC', 'the server role'),
  ...tls('ENMESH_EXPORT', 'the export role'),
  ...tls('ENMESH_FEDERATION', 'the federation role'),
  ENMESH_CLIENT_TLS_CERT: optional(
    read.text,
    'PEM file: certificate that this process shows to the roles that it calls.',
  ),
  ENMESH_CLIENT_TLS_KEY: optional(read.text, 'PEM file: its private key.'),
  ENMESH_CLIENT_TLS_CA: optional(
    read.text,
    'PEM file: who signs the certificates of the roles that it calls; calls use TLS when this is set. Where one role has a certificate here and another on a loopback address has none, the other is called in plain text.',
  ),
  ENMESH_CLIENT_TOKEN: optional(
    read.text,
    'Token that this process shows to the roles that it calls, instead of a certificate; off loopback it needs ENMESH_CLIENT_TLS_CA. Usually a secret reference.',
  ),
  ENMESH_CALLERS: variable(
    rolePairs,
    'Caller roles by certificate: `SAN=ROLE` pairs separated by commas; roles are `gateway`, `read` and `operate`.',
    '',
  ),
  ENMESH_CALLER_TOKENS: variable(
    rolePairs,
    'Caller roles by token: `TOKEN=ROLE` pairs separated by commas; when set, callers on loopback need one too. Usually a secret reference.',
    '',
  ),
} as const;

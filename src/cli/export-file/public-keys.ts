/** The public keys that signatures are checked with. */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '../../domain/errors.ts';
import { readSource } from './source.ts';

/** A key, and whose signatures it is for. */
export interface VerificationKey {
  readonly key: KeyObject;
  /** Null: tried on every signature. */
  readonly id: { readonly keyId: string; readonly keyVersion: string } | null;
  /** What the `keys.json` that it comes from says of it; null = it comes from a PEM file. */
  readonly listed: { readonly thru: Date | null } | null;
}

const maxKeyFileBytes = 1024 * 1024;

const keysJson = z.object({
  keys: z.array(
    z.object({
      keyId: z.string(),
      keyVersion: z.string(),
      publicKeyPem: z.string(),
      jwk: z.record(z.string(), z.unknown()).optional(),
      thru: z.iso.datetime({ offset: true }).nullish(),
    }),
  ),
});

/**
 * Loads what `--public-key` names: `[ID/VERSION=]LOCATION`, where LOCATION is a path or URL of a PEM file or of an
 * export's `keys.json`.
 *
 * @throws AppError `invalid`/`invalid_usage` when there is no P-256 public key, or a `keys.json` contradicts itself;
 *   `source_unreadable`
 */
export async function loadPublicKeys(option: string, signal?: AbortSignal): Promise<readonly VerificationKey[]> {
  const named = /^([^/=]+)\/([^/=]*)=(.+)$/s.exec(option);
  const location = named?.[3] ?? option;
  const text = (await readSource(location, { maxBytes: maxKeyFileBytes, signal })).toString('utf8');
  if (text.trimStart().startsWith('{')) return parseKeysJson(text, location);
  const id = named === null ? null : { keyId: named[1] ?? '', keyVersion: named[2] ?? '' };
  return [{ key: parsePem(text, location), id, listed: null }];
}

function parseKeysJson(text: string, location: string): readonly VerificationKey[] {
  const parsed = keysJson.safeParse(tryJson(text));
  if (!parsed.success) throw usage(`${location}: is neither a PEM file nor a keys.json`);
  const names = parsed.data.keys.map(({ keyId, keyVersion }) => `${keyId}/${keyVersion}`);
  const twin = names.find((name, index) => names.indexOf(name) < index);
  if (twin !== undefined) throw usage(`${location}: names ${twin} twice`);
  return parsed.data.keys.map(({ keyId, keyVersion, publicKeyPem, jwk, thru }) => {
    const key = parsePem(publicKeyPem, location);
    if (jwk !== undefined && !isSameKey(key, jwk)) {
      throw usage(`${location}: jwk and publicKeyPem of ${keyId}/${keyVersion} are different keys`);
    }
    return { key, id: { keyId, keyVersion }, listed: { thru: thru ? new Date(thru) : null } };
  });
}

function isSameKey(key: KeyObject, jwk: JsonWebKey): boolean {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' }).equals(key);
  } catch {
    return false;
  }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parsePem(pem: string, location: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw usage(`${location}: has no public key in PEM form`, error);
  }
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw usage(`${location}: is no P-256 key`);
  return key;
}

function usage(message: string, cause?: unknown): AppError {
  return new AppError('invalid', 'invalid_usage', message, { cause });
}

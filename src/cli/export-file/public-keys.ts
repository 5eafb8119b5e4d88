/** The public keys that signatures are checked with. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '../../domain/errors.ts';
import { readSource } from './source.ts';

/** A key, and whose signatures it is for. */
export interface VerificationKey {
  readonly key: KeyObject;
  /** Null: tried on every signature. */
  readonly id: { readonly keyId: string; readonly keyVersion: string } | null;
}

const maxKeyFileBytes = 1024 * 1024;

const keysJson = z.object({
  keys: z.array(z.object({ keyId: z.string(), keyVersion: z.string(), publicKeyPem: z.string() })),
});

/**
 * Loads what `--public-key` names: `[ID/VERSION=]LOCATION`, where LOCATION is a path or URL of a PEM file or of an
 * export's `keys.json`.
 *
 * @throws AppError `invalid`/`invalid_usage` when there is no P-256 public key; `source_unreadable`
 */
export async function loadPublicKeys(option: string, signal?: AbortSignal): Promise<readonly VerificationKey[]> {
  const named = /^([^/=]+)\/([^/=]*)=(.+)$/s.exec(option);
  const location = named?.[3] ?? option;
  const text = (await readSource(location, maxKeyFileBytes, signal)).toString('utf8');
  if (text.trimStart().startsWith('{')) return parseKeysJson(text, location);
  const id = named === null ? null : { keyId: named[1] ?? '', keyVersion: named[2] ?? '' };
  return [{ key: parsePem(text, location), id }];
}

function parseKeysJson(text: string, location: string): readonly VerificationKey[] {
  const parsed = keysJson.safeParse(tryJson(text));
  if (!parsed.success) throw usage(`${location}: is neither a PEM file nor a keys.json`);
  return parsed.data.keys.map(({ keyId, keyVersion, publicKeyPem }) => ({
    key: parsePem(publicKeyPem, location),
    id: { keyId, keyVersion },
  }));
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

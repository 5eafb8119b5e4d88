/** A phone's memory: the keys that it published and the token that lets it revise them. */
import { chmod, writeFile } from 'node:fs/promises';
import { AppError } from '../../domain/errors.ts';
import type { PhoneKey } from './exposure-keys.ts';
import { readJsonObject } from './json-file.ts';

/** What is kept between two publishes. */
export interface SavedKeys {
  readonly temporaryExposureKeys: readonly PhoneKey[];
  /** Empty when there is none. */
  readonly revisionToken: string;
}

/** Writes the file so that only its owner reads it. */
export async function saveKeys(path: string, saved: SavedKeys): Promise<void> {
  await writeFile(path, `${JSON.stringify(saved, null, 2)}\n`, { mode: 0o600 });
  await chmod(path, 0o600);
}

/**
 * Reads what {@link saveKeys} wrote, or a file made by hand: `temporaryExposureKeys` as in a request, and perhaps a
 * `revisionToken`.
 * @throws AppError `invalid_configuration` naming the file
 */
export async function readSavedKeys(path: string): Promise<SavedKeys> {
  const document = await readJsonObject(path, '`enmesh publish --save FILE` writes one');
  const keys = document['temporaryExposureKeys'];
  const token = document['revisionToken'] ?? '';
  if (!Array.isArray(keys) || !keys.every(isPhoneKey) || typeof token !== 'string') {
    throw new AppError('invalid', 'invalid_configuration', `${path} is not a file of \`enmesh publish --save\``);
  }
  return { temporaryExposureKeys: keys, revisionToken: token };
}

function isPhoneKey(value: unknown): value is PhoneKey {
  if (typeof value !== 'object' || value === null) return false;
  const { key, rollingStartNumber, rollingPeriod, transmissionRisk } = value as Record<string, unknown>;
  return typeof key === 'string' && [rollingStartNumber, rollingPeriod, transmissionRisk ?? 0].every(Number.isInteger);
}

/** What `enmesh dev` makes so that a laptop has a health authority and a phone: keys, and the phone's file. */
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Configuration } from '../../domain/configuration/configuration.ts';
import { createFile, replaceFile } from '../../platform/atomic-file.ts';
import { ConfigurationError } from '../../platform/config/load.ts';
import { base64 } from '../../platform/config/readers.ts';
import { unless } from '../../platform/system-error.ts';

/** The phone's file: `.enmesh/phone.json`. */
export interface PhoneFile {
  readonly gatewayUrl: string;
  readonly appId: string;
  readonly issuer: string;
  readonly audience: string;
  readonly kid: string;
  /** Relative to the file's own folder. */
  readonly privateKeyFile: string;
  /** Where the app looks for exposures. */
  readonly indexUrl?: string;
}

const privateKeyFile = 'authority/private.pem';
const publicKeyFile = 'authority/public.pem';

/**
 * Makes the sample authority's key pair where there is none. The private key is readable by its owner only, and is there
 * before the public one, which follows from it.
 */
export async function ensureAuthorityKeys(dataDir: string): Promise<void> {
  await mkdir(join(dataDir, 'authority'), { recursive: true, mode: 0o700 });
  if ((await readIfThere(join(dataDir, publicKeyFile))) !== undefined) return;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await createFile(join(dataDir, privateKeyFile), privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600);
  const publicKey = createPublicKey(await readFile(join(dataDir, privateKeyFile)));
  await replaceFile(join(dataDir, publicKeyFile), publicKey.export({ type: 'spki', format: 'pem' }), 0o644);
}

/**
 * The installation's AAD of revision tokens: random, made once, kept 0600. 32 bytes, as the reference's deployment makes
 * it.
 * @throws ConfigurationError for a file that holds no AAD: another one would make every token so far worthless
 */
export async function ensureRevisionTokenAad(dataDir: string): Promise<Uint8Array> {
  const path = join(dataDir, 'revision-token-aad');
  if ((await readIfThere(path)) === undefined) await createFile(path, randomBytes(32).toString('base64'), 0o600);
  try {
    return base64((await readFile(path, 'utf8')).trim());
  } catch {
    throw new ConfigurationError([
      `${path} is empty or damaged: restore it from a backup, or remove it to have another made; phones cannot revise what they published before then`,
    ]);
  }
}

/**
 * Writes the phone's file when the configuration trusts the sample authority's key.
 * @returns its path; undefined when no app of the configuration could accept that phone
 */
export async function writePhoneFile(
  dataDir: string,
  configuration: Configuration,
  gatewayUrl: string,
): Promise<string | undefined> {
  const phone = await samplePhone(dataDir, configuration, gatewayUrl);
  if (phone === undefined) return undefined;
  const path = join(dataDir, 'phone.json');
  await replaceFile(path, `${JSON.stringify(phone, undefined, 2)}\n`, 0o600);
  return path;
}

async function samplePhone(
  dataDir: string,
  configuration: Configuration,
  gatewayUrl: string,
): Promise<PhoneFile | undefined> {
  const publicKey = (await readIfThere(join(dataDir, publicKeyFile)))?.trim();
  for (const { issuer, audience, keys } of configuration.healthAuthorities) {
    const key = keys.find(({ publicKeyPem }) => publicKeyPem.trim() === publicKey);
    const app = configuration.apps.find(({ healthAuthorities }) => healthAuthorities.includes(issuer));
    if (!key || !app) continue;
    const root = configuration.exports.find((entry) =>
      app.regions.some((region) => covers(entry, region)),
    )?.filenameRoot;
    const indexUrl = root === undefined ? {} : { indexUrl: `${gatewayUrl}/exports/${root}/index.txt` };
    return { gatewayUrl, appId: app.id, issuer, audience, kid: key.version, privateKeyFile, ...indexUrl };
  }
  return undefined;
}

function covers({ inputRegions, outputRegion }: Configuration['exports'][number], region: string): boolean {
  return inputRegions.length === 0 ? outputRegion === region : inputRegions.includes(region);
}

async function readIfThere(path: string): Promise<string | undefined> {
  return await unless(['ENOENT'], undefined, readFile(path, 'utf8'));
}

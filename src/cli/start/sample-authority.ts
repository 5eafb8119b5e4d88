/** What `enmesh dev` makes so that a laptop has a health authority and a phone: keys, and the phone's file. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Configuration } from '../../domain/configuration/configuration.ts';

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

/** Makes the sample authority's key pair where there is none. The private key is readable by its owner only. */
export async function ensureAuthorityKeys(dataDir: string): Promise<void> {
  await mkdir(join(dataDir, 'authority'), { recursive: true, mode: 0o700 });
  if ((await readIfThere(join(dataDir, publicKeyFile))) !== undefined) return;
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(join(dataDir, privateKeyFile), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
  });
  await writeFile(join(dataDir, publicKeyFile), pair.publicKey.export({ type: 'spki', format: 'pem' }));
}

/** The installation's AAD of revision tokens: random, made once, kept 0600. 32 bytes, as the reference's deployment makes it. */
export async function ensureRevisionTokenAad(dataDir: string): Promise<Uint8Array> {
  const path = join(dataDir, 'revision-token-aad');
  const present = await readIfThere(path);
  if (present !== undefined) return Buffer.from(present.trim(), 'base64');
  const aad = randomBytes(32);
  await writeFile(path, aad.toString('base64'), { mode: 0o600, flag: 'wx' });
  return aad;
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
  await writeFile(path, `${JSON.stringify(phone, undefined, 2)}\n`, { mode: 0o600 });
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
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

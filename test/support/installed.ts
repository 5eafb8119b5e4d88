/** Configures a running installation through `enmesh apply`, and posts to it as phones do. */
import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EnmeshProcess, Playground } from './enmesh.ts';
import { makePhone, type Phone } from './phone.ts';

/** A configured authority and a phone that it certifies. */
export interface Installed {
  readonly phone: Phone;
  readonly configurationFile: string;
}

/** Starts roles in a process of their own, all when none is named, and waits until they are ready. */
export async function startRoles(
  playground: Playground,
  roles: readonly string[] = [],
  settings: NodeJS.ProcessEnv = {},
): Promise<EnmeshProcess> {
  const started = playground.start(['serve', ...roles], settings);
  await started.prints('"msg":"ready"');
  return started;
}

/** Writes a configuration with one authority, one app and one export `aa` of one-second windows. */
export async function writeAuthority(playground: Playground): Promise<Installed> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const identity = { issuer: 'https://verify.example.org', audience: 'test', kid: 'v1', appId: 'org.example.health' };
  const configurationFile = join(playground.dataDir, 'configuration.yaml');
  await writeFile(
    configurationFile,
    `healthAuthorities:
  - issuer: ${identity.issuer}
    audience: ${identity.audience}
    name: Example Health
    stats: true
    keys: [{ version: ${identity.kid}, publicKeyPem: ${JSON.stringify(publicKey.export({ type: 'spki', format: 'pem' }))}, from: 2020-01-01T00:00:00Z, thru: null }]
apps: [{ id: ${identity.appId}, regions: [AA], healthAuthorities: [${identity.issuer}] }]
signingKeys: [{ name: main, key: export-signing, keyId: "310", keyVersion: v1, thru: null }]
exports: [{ name: aa, bucket: exports, filenameRoot: aa, outputRegion: AA, inputRegions: [AA], period: 1s, grace: 1h, signingKeys: [main] }]
`,
  );
  return { phone: makePhone({ ...identity, privateKey }), configurationFile };
}

/** Writes that configuration and applies it to a running installation. */
export async function installAuthority(playground: Playground): Promise<Installed> {
  const installed = await writeAuthority(playground);
  const applied = await playground.run('apply', '-f', installed.configurationFile);
  if (applied.code !== 0)
    throw new Error(`apply failed: ${applied.stderr}\n${await readFile(installed.configurationFile, 'utf8')}`);
  return installed;
}

/** What the gateway answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** POSTs a body to `/v1/publish`; text and bytes go as they are. */
export async function post(gatewayUrl: string, body: object | string | Uint8Array<ArrayBuffer>): Promise<Answer> {
  const response = await fetch(`${gatewayUrl}/v1/publish`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

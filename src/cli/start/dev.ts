/** `enmesh dev`: every role on a laptop, with a database, a health authority and a phone of its own. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Configuration } from '../../domain/configuration/configuration.ts';
import { ExportServiceDefinition } from '../../gen/enmesh/export/v1/export.ts';
import { hostAndPort } from '../../platform/config/address.ts';
import { readValuesFor } from '../../platform/config/load-for-roles.ts';
import type { Values } from '../../platform/config/load.ts';
import type { Address } from '../../platform/config/readers.ts';
import { callSettings } from '../../platform/config/tls-files.ts';
import { startEmbeddedPostgres } from '../../platform/embedded-postgres/start.ts';
import { createGrpcClient } from '../../platform/grpc/client.ts';
import { Lifecycle } from '../../platform/lifecycle.ts';
import { createLogger, type Logger } from '../../platform/logger.ts';
import { roleNames, startRoles, type RunningRoles } from '../../roles.ts';
import { readConfigurationFile } from '../configuration-file.ts';
import type { Io } from '../io.ts';
import { ensureAuthorityKeys, ensureRevisionTokenAad, writePhoneFile } from './sample-authority.ts';
import { stopInTime, untilAborted } from './stop.ts';

const sampleConfiguration = fileURLToPath(new URL('../../../examples/authority.yaml', import.meta.url));

/**
 * Starts everything, prints addresses, commands to try and `ready`, and stops when asked to.
 * @returns the exit code
 */
export async function runDev(io: Io): Promise<number> {
  const { signal } = io;
  const roles = new Set(roleNames);
  const provided = ['ENMESH_DATABASE_URL', 'ENMESH_REVISION_TOKEN_AAD'] as const;
  const given = await readValuesFor(io.env, { roles, isDev: true, provided });
  const dataDir = given.ENMESH_DATA_DIR ?? '.enmesh';
  const logger = createLogger({
    level: given.ENMESH_LOG_LEVEL,
    pretty: io.stderr.isTTY === true,
    destination: { write: (line: string) => void io.stderr.write(line) },
  });
  const lifecycle = new Lifecycle();
  let databaseEnded: AbortSignal | undefined;
  try {
    const { values, ended } = await prepare(given, dataDir, { lifecycle, logger });
    const configuration = await readConfigurationFile(values.ENMESH_CONFIG ?? sampleConfiguration, {
      env: io.env,
      dataDir,
    });
    const running = lifecycle.add(await startRoles({ roles, values, logger, isDev: true, configuration }));
    await tell(io, values, { running, configuration, dataDir });
    databaseEnded = ended;
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
  await untilAborted(databaseEnded === undefined ? signal : AbortSignal.any([signal, databaseEnded]));
  const code = await stopInTime(lifecycle, given, logger);
  if (!signal.aborted) databaseEnded?.throwIfAborted();
  return code;
}

/** What an installation has from its operator, and a laptop makes itself. */
async function prepare(
  given: Values,
  dataDir: string,
  { lifecycle, logger }: { lifecycle: Lifecycle; logger: Logger },
): Promise<{ values: Values; ended?: AbortSignal }> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await ensureAuthorityKeys(dataDir);
  const aad = given.ENMESH_REVISION_TOKEN_AAD ?? (await ensureRevisionTokenAad(dataDir));
  const values = { ...given, ENMESH_REVISION_TOKEN_AAD: aad };
  if (given.ENMESH_DATABASE_URL !== undefined) return { values };
  const { url, lost } = lifecycle.add(await startEmbeddedPostgres({ dataDir, logger }));
  return { values: { ...values, ENMESH_DATABASE_URL: url }, ended: lost };
}

async function tell(
  io: Io,
  values: Values,
  { running, configuration, dataDir }: { running: RunningRoles; configuration: Configuration; dataDir: string },
): Promise<void> {
  const { addresses } = running;
  const scheme = values.ENMESH_GATEWAY_TLS_CERT === undefined ? 'http' : 'https';
  const gatewayUrl = `${scheme}://${text(addresses.gateway)}`;
  const phone = await writePhoneFile(dataDir, configuration, gatewayUrl);
  const publicKeys = await writePublicKeys(values, running, { configuration, dataDir });
  const say = (line = ''): void => void io.stdout.write(`${line}\n`);
  say('Enmesh runs, every role in this process:');
  say(`  gateway     ${gatewayUrl}`);
  for (const role of ['server', 'export', 'federation'] as const)
    say(`  ${role.padEnd(11)} ${text(addresses[role])} (gRPC)`);
  say(`  metrics     http://${text(addresses.metrics)}/metrics`);
  say('Try, in another terminal:');
  if (phone !== undefined)
    say(`  npx enmesh publish --keys 14${phone === '.enmesh/phone.json' ? '' : ` --phone ${phone}`}`);
  say('  npx enmesh export list');
  for (const { filenameRoot, signingKeys } of configuration.exports) {
    const index = `${gatewayUrl}/exports/${filenameRoot}/index.txt`;
    const keys = signingKeys.flatMap((name) => publicKeys.get(name) ?? []);
    say(`  curl ${index}`);
    say(`  npx enmesh export verify ${index}${keys.map((path) => ` --public-key ${path}`).join('')}`);
  }
  say('ready');
}

/** Public keys of all signers as files below the data directory, for `export verify` and openssl: signer → path. */
async function writePublicKeys(
  values: Values,
  { addresses }: RunningRoles,
  { configuration, dataDir }: { configuration: Configuration; dataDir: string },
): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  await mkdir(join(dataDir, 'public-keys'), { recursive: true });
  const exports = createGrpcClient(ExportServiceDefinition, text(addresses.export), await callSettings(values));
  try {
    for (const { name } of configuration.signingKeys) {
      const { key } = await exports.client.getSigningKey({ name });
      const path = join(dataDir, 'public-keys', `${name}.pem`);
      await writeFile(path, key?.versions[0]?.publicKeyPem ?? '');
      paths.set(name, path);
    }
  } finally {
    exports.close();
  }
  return paths;
}

function text(address: Address | undefined): string {
  return address === undefined ? 'off' : hostAndPort(address);
}

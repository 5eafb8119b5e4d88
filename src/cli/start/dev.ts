/** `enmesh dev`: every role on a laptop, with a database, a health authority and a phone of its own. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExportServiceDefinition } from '../../gen/enmesh/export/v1/export.ts';
import { hostAndPort } from '../../platform/config/address.ts';
import type { Address } from '../../platform/config/readers.ts';
import { callSettings } from '../../platform/config/tls-files.ts';
import { createGrpcClient } from '../../platform/grpc/client.ts';
import { createLogger } from '../../platform/logger.ts';
import type { Io } from '../io.ts';
import { readDevValues, startDevInstallation, type DevInstallation } from './dev-installation.ts';
import { writePhoneFile } from './sample-authority.ts';
import { stopInTime, untilAborted } from './stop.ts';

/**
 * Starts everything, prints addresses, commands to try and `ready`, and stops when asked to.
 * @returns the exit code
 */
export async function runDev(io: Io): Promise<number> {
  const { signal } = io;
  const given = await readDevValues(io.env);
  const logger = createLogger({
    level: given.ENMESH_LOG_LEVEL,
    pretty: io.stderr.isTTY === true,
    destination: { write: (line: string) => void io.stderr.write(line) },
  });
  const installation = await startDevInstallation(io.env, given, logger);
  const { databaseLost } = installation;
  try {
    await tell(io, installation);
  } catch (error) {
    await installation.stop();
    throw error;
  }
  await untilAborted(databaseLost === undefined ? signal : AbortSignal.any([signal, databaseLost]));
  const code = await stopInTime(installation, given, logger);
  if (!signal.aborted) databaseLost?.throwIfAborted();
  return code;
}

async function tell(io: Io, installation: DevInstallation): Promise<void> {
  const { addresses, values, configuration, dataDir } = installation;
  const scheme = values.ENMESH_GATEWAY_TLS_CERT === undefined ? 'http' : 'https';
  const gatewayUrl = `${scheme}://${text(addresses.gateway)}`;
  const phone = await writePhoneFile(dataDir, configuration, gatewayUrl);
  const publicKeys = await writePublicKeys(installation);
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
async function writePublicKeys({
  addresses,
  values,
  configuration,
  dataDir,
}: DevInstallation): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  await mkdir(join(dataDir, 'public-keys'), { recursive: true });
  const exports = createGrpcClient(
    ExportServiceDefinition,
    text(addresses.export),
    await callSettings(values, 'export'),
  );
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

/** The two authorities of the demonstration: installations as `enmesh dev` runs them, each of them the other's partner. */
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLogger } from '../../platform/logger.ts';
import type { Io } from '../io.ts';
import { readPhone, type Phone } from '../phone/phone-file.ts';
import { readDevValues, startDevInstallation, type DevInstallation } from '../start/dev-installation.ts';
import { writePhoneFile } from '../start/sample-authority.ts';
import { freePorts } from './free-ports.ts';

const mostErrors = 5;

/** Names of the authorities: of their example files, and of their exports. */
export type AuthorityName = 'aa' | 'bb';

/** An authority before it runs: where it will be found, and where its data lies. */
export interface Site {
  readonly name: AuthorityName;
  readonly dataDir: string;
  readonly configurationFile: string;
  readonly logFile: string;
  readonly gatewayUrl: string;
  /** HOST:PORT, gRPC, for partners. */
  readonly federationAddress: string;
}

/** An authority that runs. */
export interface Authority extends Site {
  readonly installation: DevInstallation;
  /** A phone with its app, and its health authority's key for certificates. */
  readonly phone: Phone;
}

/** Chooses addresses, so that each can be told the other's. */
export async function chooseSites(folder: string): Promise<readonly [aa: Site, bb: Site]> {
  const [one = 0, two = 0, three = 0, four = 0] = await freePorts(4);
  return [site(folder, 'aa', [one, two]), site(folder, 'bb', [three, four])];
}

function site(folder: string, name: AuthorityName, [gateway, federation]: readonly [number, number]): Site {
  const dataDir = join(folder, name);
  return {
    name,
    dataDir,
    configurationFile: join(dataDir, 'authority.yaml'),
    logFile: join(dataDir, 'enmesh.log'),
    gatewayUrl: `http://127.0.0.1:${String(gateway)}`,
    federationAddress: `127.0.0.1:${String(federation)}`,
  };
}

/**
 * Starts an authority whose partner is at `neighbour`.
 * @param io with an environment that has no variable of ours
 */
export async function startAuthority(io: Io, own: Site, neighbour: Site): Promise<Authority> {
  await mkdir(own.dataDir, { recursive: true, mode: 0o700 });
  await writeFile(own.configurationFile, await localExample(own, neighbour));
  const env = { ...io.env, ...environment(own) };
  const values = await readDevValues(env);
  const destination = createWriteStream(own.logFile, { mode: 0o600 });
  const logger = createLogger({ level: values.ENMESH_LOG_LEVEL, pretty: false, destination });
  const installation = await startDevInstallation(env, values, logger);
  const phoneFile = await writePhoneFile(own.dataDir, installation.configuration, own.gatewayUrl);
  return { ...own, installation, phone: await readPhone(phoneFile ?? '') };
}

/** The last lines of a log that may tell why something failed. */
export async function errorsIn({ logFile }: Site): Promise<readonly string[]> {
  const text = await readFile(logFile, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => /"level":"(warn|error)"/.test(line));
  return lines.slice(-mostErrors);
}

/** What both have in common is what `dev` does on a laptop, only faster. */
function environment({ dataDir, configurationFile, gatewayUrl, federationAddress }: Site): NodeJS.ProcessEnv {
  const anyPort = '127.0.0.1:0';
  return {
    ENMESH_DATA_DIR: dataDir,
    ENMESH_CONFIG: configurationFile,
    ENMESH_GATEWAY_ADDRESS: new URL(gatewayUrl).host,
    ENMESH_FEDERATION_ADDRESS: federationAddress,
    ENMESH_GRPC_ADDRESS: anyPort,
    ENMESH_EXPORT_ADDRESS: anyPort,
    ENMESH_METRICS_ADDRESS: anyPort,
    ENMESH_IDENTITY_ISSUER: gatewayUrl,
    ENMESH_TRUNCATE_WINDOW: '2s',
    ENMESH_EXPORT_INTERVAL: '2s',
    ENMESH_FEDERATION_INTERVAL: '2s',
  };
}

/** The authority's file in examples/federation, with addresses of this machine and windows of seconds. */
async function localExample(own: Site, neighbour: Site): Promise<string> {
  const example = fileURLToPath(new URL(`../../../examples/federation/${own.name}.yaml`, import.meta.url));
  const replacements = [
    [`federation.${neighbour.name}.example:443`, neighbour.federationAddress],
    [`https://id.${neighbour.name}.example`, neighbour.gatewayUrl],
    [`https://id.${own.name}.example`, own.gatewayUrl],
    ['period: 4h', 'period: 4s'],
  ] as const;
  const text = await readFile(example, 'utf8');
  return replacements.reduce((changed, [from, to]) => changed.replaceAll(from, to), text);
}

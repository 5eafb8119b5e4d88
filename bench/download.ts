/** Downloads of a published file through the gateway, beside nginx with the same file on its disk. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { LoopResult } from './support/closed-loop.ts';
import { cpuSeconds } from './support/cpu.ts';
import type { DownloadOrder } from './support/download-load.ts';
import { endProcess, openInstallation, type Installation } from './support/installation.ts';
import { median } from './support/median.ts';
import { startNginx, type Nginx } from './support/nginx.ts';
import { publishZips, type PublishedZip } from './support/published-zip.ts';

const connections = 16;
/** A usual file, and a large one of about a megabyte. */
const keyCounts = [1_000, 60_000];
/** Both take turns, so that whatever else the machine does meets both. */
const rounds = 5;
/** Bytes of a round; code is compiled while it runs, so the first ones do not count. */
const bytesARound = 256 * 1024 * 1024;
const warmUp = 20_000;

/** Who hands out the file. */
interface Origin {
  readonly title: string;
  readonly pids: readonly number[];
  url(zip: PublishedZip): string;
}

interface Measured extends LoopResult {
  /** CPU milliseconds a download, of every process of the origin. */
  readonly cpuMs: number;
}

/** Prints rate, latency and CPU a download of each origin, and their ratios. */
export async function benchDownload(): Promise<void> {
  console.log(`download: one file again and again, ${connections} connections, ${rounds} rounds in turn, medians`);
  const installation = await openInstallation({
    ENMESH_EXPORT_MIN_WINDOW_AGE: '0s',
    ENMESH_UNSAFE_SHORT_WINDOWS: 'true',
    ENMESH_EXPORT_INTERVAL: '1d',
  });
  const nginx = await startNginx();
  if (nginx === undefined) console.log('  nginx is not installed: nothing to compare with');
  const load = fork(new URL('support/download-load.ts', import.meta.url));
  try {
    await once(load, 'message');
    const { gateway, zips } = await publish(installation);
    for (const zip of zips) {
      nginx?.publish(fileOf(zip), zip.bytes);
      await compare(load, zip, nginx === undefined ? [gateway] : [nginxOrigin(nginx), gateway]);
    }
  } finally {
    load.disconnect();
    await nginx?.stop();
    await installation.stop();
  }
}

/** The gateway in one process, the export role in another; who only plans is ended before anything is measured. */
async function publish(installation: Installation): Promise<{ gateway: Origin; zips: PublishedZip[] }> {
  const exporter = await installation.serve('export');
  const gateway = await installation.serve('gateway');
  const server = await installation.serve('server');
  await installation.apply();
  const zips = await publishZips(installation, keyCounts);
  await endProcess(server);
  const pids = [gateway.pid!, exporter.pid!];
  return { gateway: { title: 'gateway', pids, url: ({ name }) => `${installation.gatewayUrl}/exports/${name}` }, zips };
}

function nginxOrigin({ pid, url }: Nginx): Origin {
  return { title: 'nginx', pids: [pid], url: (zip) => `${url}/${fileOf(zip)}` };
}

function fileOf({ name }: PublishedZip): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

async function compare(load: ChildProcess, zip: PublishedZip, origins: readonly Origin[]): Promise<void> {
  console.log(`  ${zip.bytes.length.toLocaleString('en')} bytes`);
  const downloads = Math.ceil(Math.min(warmUp, bytesARound / zip.bytes.length));
  const measure = async (origin: Origin): Promise<Measured> => {
    const before = cpuSeconds(origin.pids);
    const result = await run(load, { url: origin.url(zip), downloads, connections, size: zip.bytes.length });
    return { ...result, cpuMs: ((cpuSeconds(origin.pids) - before) * 1000) / downloads };
  };
  for (const origin of origins) await measure(origin);
  const measured: Measured[][] = [];
  for (let round = 0; round < rounds; round++) {
    const results: Measured[] = [];
    for (const origin of origins) results.push(await measure(origin));
    measured.push(results);
  }
  for (const [index, { title }] of origins.entries()) {
    const of = (name: keyof Measured) => median(measured.map((results) => results[index]![name]));
    const share = median(measured.map((results) => results[index]!.perSecond / results[0]!.perSecond));
    const figures = [
      `${of('perSecond').toFixed(0)}/s`,
      `p50 ${of('p50Ms').toFixed(2)} ms`,
      `p99 ${of('p99Ms').toFixed(2)} ms`,
      `CPU ${of('cpuMs').toFixed(3)} ms`,
    ];
    console.log(
      `    ${title.padEnd(10)} ${figures.join('  ')}${index === 0 ? '' : `  = ${share.toFixed(2)} of nginx's rate`}`,
    );
  }
}

async function run(load: ChildProcess, order: DownloadOrder): Promise<LoopResult> {
  load.send(order);
  const [{ result, error }] = (await once(load, 'message')) as [{ result?: LoopResult; error?: string }];
  if (result === undefined) throw new Error(error);
  return result;
}

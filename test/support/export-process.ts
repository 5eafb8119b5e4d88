/** Starts exports in processes of their own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { env, execPath } from 'node:process';
import { join } from 'node:path';
import type { Doom } from './doomed-export.ts';
import type { ExportRole } from './export-role.ts';

/** How such a process ends, and under which limits it lives. */
export interface ExportProcess extends Pick<Doom, 'step' | 'times'> {
  /** No file may be larger, as on a disk that is full; in KiB. */
  readonly largestFileKiB?: number;
}

/** Never reached: the process ends when its work is done. */
export const untouched = { step: 'after index', times: Number.MAX_SAFE_INTEGER } as const;

/** A process that plans and builds everything that is due in the role's database, once. */
export function startExportProcess(role: ExportRole, { largestFileKiB, ...end }: ExportProcess): ChildProcess {
  const doom: Doom = {
    url: role.url,
    folder: role.folder,
    now: role.clock.now().toISOString(),
    settings: role.deps.settings,
    ...end,
  };
  const words = [join(import.meta.dirname, 'doomed-export.ts'), JSON.stringify(doom)];
  if (largestFileKiB === undefined) return spawn(execPath, words, { stdio: 'inherit' });
  const limited = `ulimit -f ${String(largestFileKiB)}; exec "$0" "$@"`;
  // Node would write a larger file at the end, when nobody listens for the signal any more.
  const withoutCache = { ...env, NODE_DISABLE_COMPILE_CACHE: '1' };
  return spawn('bash', ['-c', limited, execPath, ...words], { stdio: 'inherit', env: withoutCache });
}

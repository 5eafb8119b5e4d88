/** Whether a process of this machine runs. */
import { hasCode } from './system-error.ts';

/** True if a process with this id exists on this machine, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

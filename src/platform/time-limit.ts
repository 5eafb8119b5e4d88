/** A limit to waiting. */
import { AppError } from '../domain/errors.ts';

/**
 * What `work` resolves to, unless that takes longer than `milliseconds`; the work itself goes on.
 * @throws AppError `timeout`/`time_limit`
 */
export async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new AppError('timeout', 'time_limit', 'it took too long'));
    }, milliseconds);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

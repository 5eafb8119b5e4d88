/** Which errors of the operating system are answers, not faults. */

/** True when `error` carries one of these codes, such as `ENOENT`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}

/** What `work` gives, or `otherwise` when it fails with one of these codes. */
export async function unless<T, U>(codes: readonly string[], otherwise: U, work: Promise<T>): Promise<T | U> {
  try {
    return await work;
  } catch (error) {
    if (hasCode(error, ...codes)) return otherwise;
    throw error;
  }
}

/** One piece of work for all who ask at about the same time. */

/** Calls that come while the work runs, or within `milliseconds` after it ended, share its result or its failure. */
export function sharedResult<T>(milliseconds: number, work: () => Promise<T>): () => Promise<T> {
  let latest: { readonly result: Promise<T>; until: number } | undefined;
  return () => {
    if (latest !== undefined && performance.now() < latest.until) return latest.result;
    const entry = { result: work(), until: Infinity };
    latest = entry;
    const expire = () => {
      entry.until = performance.now() + milliseconds;
    };
    void entry.result.then(expire, expire);
    return entry.result;
  };
}

/** Who asks, as the audit names them. */
import { peerNamesKey } from './server-tls.ts';

/** A call's metadata, as far as it matters here. */
interface CallMetadata {
  getAll(key: typeof peerNamesKey): readonly string[];
  has(key: string): boolean;
}

/** The names of the caller's certificate; `token` for one who showed a token; `local` on a loopback address without either. */
export function callerName({ metadata }: { readonly metadata: CallMetadata }): string {
  const names = metadata.getAll(peerNamesKey);
  if (names.length > 0) return names.join(' ');
  return metadata.has('authorization') ? 'token' : 'local';
}

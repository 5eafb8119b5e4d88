/** The version of this installation. */
import { createRequire } from 'node:module';

/** As in package.json. */
export function version(): string {
  const document = createRequire(import.meta.url)('../../package.json') as { readonly version: string };
  return document.version;
}

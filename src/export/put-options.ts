/** How published objects are written, whoever made them. */
import type { PutOptions } from '../storage/blob/blob-store.ts';

/** Names never get other content, so caches may keep a file for a day (reference 3.4). */
export const fileOptions: PutOptions = {
  contentType: 'application/zip',
  cacheControl: 'public, max-age=86400',
  onlyIfAbsent: true,
};

/** Never cached, or phones would miss files (reference 3.5). */
export const indexOptions: PutOptions = {
  contentType: 'text/plain',
  cacheControl: 'no-cache, max-age=0',
  onlyIfAbsent: false,
};

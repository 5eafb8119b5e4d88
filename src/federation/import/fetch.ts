/** Fetches an import's index and files, within the limits that are theirs. */
import { fileUrl } from '../../domain/import/listed-files.ts';
import { downloadBytes } from '../../platform/download.ts';
import { fileDownload, indexDownload } from '../../platform/download-settings.ts';
import type { ImportSource } from '../../storage/imports/imports.ts';
import type { ImportDeps } from './settings.ts';

/** @throws AppError as `downloadBytes` */
export async function fetchIndex(
  { settings }: ImportDeps,
  { indexUrl }: ImportSource,
  signal: AbortSignal,
): Promise<string> {
  const options = indexDownload(settings.download, { maxBytes: settings.maxIndexBytes, signal });
  return (await downloadBytes(indexUrl, options)).toString('utf8');
}

/**
 * @param name the file's line in the index
 * @throws AppError as `downloadBytes`
 */
export async function fetchFile(
  { settings }: ImportDeps,
  { source: { baseUrl }, name }: { readonly source: ImportSource; readonly name: string },
  signal: AbortSignal,
): Promise<Buffer> {
  const options = fileDownload(settings.download, { maxBytes: settings.maxFileBytes, signal });
  return await downloadBytes(fileUrl(baseUrl, name), options);
}

/** The limits of a zip without zip64. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ZipFile } from '../../../src/export/file/zip-file.ts';
import { temporaryFolder } from '../../support/export-file.ts';

/** Writes one entry of so many equal bytes; the zip's bytes. */
async function write(path: string, bytes: number, maxBytes: number): Promise<number> {
  const zip = await ZipFile.create(path, { maxBytes });
  try {
    await zip.add('a', [Buffer.alloc(bytes)]);
    return await zip.finish();
  } catch (error) {
    await zip.discard();
    throw error;
  }
}

describe('a zip', () => {
  it('may be as large as the limit and not one byte larger, before it is deflated', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'a.zip');
    expect(await write(path, 10_000, 10_000)).toBeLessThan(200);
    await expect(write(path, 10_001, 10_000)).rejects.toMatchObject({ code: 'export_file_too_large' });
    expect(existsSync(path)).toBe(false);
  });

  it('may be as large as the limit and not one byte larger, directory included', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'a.zip');
    const size = await write(path, 10, 1000);
    expect(readFileSync(path)).toHaveLength(size);
    expect(await write(path, 10, size)).toBe(size);
    await expect(write(path, 10, size - 1)).rejects.toMatchObject({ code: 'export_file_too_large' });
  });
});

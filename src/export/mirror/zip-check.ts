/** A cheap look at a downloaded file: is it all of a zip that can be an export file? */
import { open, type FileHandle } from 'node:fs/promises';
import { EXPORT_BIN, EXPORT_SIG } from '../../domain/export-file/format.ts';

/** Signatures and sizes of PKWARE's APPNOTE 4.3. */
const endSignature = 0x06054b50;
const endBytes = 22;
const entrySignature = 0x02014b50;
const entryBytes = 46;
/** An export file has two entries, deployed readers ignore others (reference 1.1); so a few are no fault. */
const mostDirectoryBytes = 64 * 1024;

/**
 * Whether the file ends where its directory says, which a cut one does not, and has the two entries of an export file. What is in
 * them is its signature's to say, which the apps check.
 */
export async function isExportZip(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    // Written without a comment (reference 1.1).
    const end = await readAt(file, size - endBytes, endBytes);
    if (end?.readUInt32LE(0) !== endSignature) return false;
    const [length, offset] = [end.readUInt32LE(12), end.readUInt32LE(16)];
    if (length > mostDirectoryBytes || offset + length !== size - endBytes) return false;
    const directory = await readAt(file, offset, length);
    const names = directory === null ? [] : entryNames(directory);
    return names.includes(EXPORT_BIN) && names.includes(EXPORT_SIG);
  } finally {
    await file.close();
  }
}

function entryNames(directory: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at + entryBytes <= directory.length;) {
    if (directory.readUInt32LE(at) !== entrySignature) return [];
    const [name, extra, comment] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field));
    names.push(directory.toString('latin1', at + entryBytes, at + entryBytes + name!));
    at += entryBytes + name! + extra! + comment!;
  }
  return names;
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer | null> {
  if (offset < 0 || length === 0) return null;
  const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
  return bytesRead === length ? buffer : null;
}

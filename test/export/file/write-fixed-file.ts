/** Run by itself: writes a file with a fixed signature and prints the time zone's offset and the zip's SHA-256. */
import { hash } from 'node:crypto';
import { sampleRow, sampleZip } from '../../support/export-file.ts';

const zip = await sampleZip({
  rows: Array.from({ length: 1000 }, (_, number) => sampleRow(number)),
  signers: [{ info: { keyId: '310', keyVersion: 'v1' }, sign: () => Promise.resolve(Buffer.alloc(70, 7)) }],
});
process.stdout.write(`${String(new Date(0).getTimezoneOffset())} ${hash('sha256', zip, 'hex')}`);

/** Run by itself: `put-in-child.ts DIR race|hang`: another process that writes to the same store. */
import { Readable } from 'node:stream';
import { once } from 'node:events';
import { openBlobStore } from '../../../src/storage/blob/open.ts';

const [dir = '', what] = process.argv.slice(2);
const options = { contentType: 'application/zip', cacheControl: '', onlyIfAbsent: true };
const store = await openBlobStore({ kind: 'filesystem', dir });

if (what === 'race') {
  process.stdout.write('ready\n');
  await once(process.stdin, 'data');
  const results = [];
  for (let number = 0; number < 50; number++) {
    results.push(
      await store.put({ bucket: 'b', name: `race/${String(number)}` }, Buffer.from(String(process.pid)), options),
    );
  }
  process.stdout.write(`${results.join()}\n`);
  process.exit();
} else {
  async function* endless(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(100_000);
    process.stdout.write('ready\n');
    await new Promise(() => setInterval(() => undefined, 1000));
  }
  await store.put({ bucket: 'b', name: 'aa/killed.zip' }, { size: 1e9, open: () => Readable.from(endless()) }, options);
}

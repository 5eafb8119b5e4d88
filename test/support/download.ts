/** Downloads exports as a phone does: the index, then every file that it lists. */
import { setTimeout as wait } from 'node:timers/promises';
import { readPublishedFile, type PublishedFile } from './published-file.ts';

/** Names that the index lists; none when there is no index yet. */
export async function readIndex(gatewayUrl: string, root: string): Promise<string[]> {
  const response = await fetch(`${gatewayUrl}/exports/${root}/index.txt`);
  if (!response.ok) return [];
  return (await response.text()).split('\n').filter((line) => line !== '');
}

/** Downloads one listed file; throws when it is not there. */
export async function downloadFile(gatewayUrl: string, name: string): Promise<Buffer> {
  const response = await fetch(`${gatewayUrl}/exports/${name}`);
  if (!response.ok) throw new Error(`${name} is listed but answers ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}

/** Every listed file, verified, in the index's order. */
export async function downloadAll(
  gatewayUrl: string,
  root: string,
  publicKeyPem: string,
): Promise<(PublishedFile & { readonly name: string })[]> {
  const files = [];
  for (const name of await readIndex(gatewayUrl, root)) {
    files.push({ name, ...(await readPublishedFile(await downloadFile(gatewayUrl, name), publicKeyPem)) });
  }
  return files;
}

/** Looks again until `look` gives something; for things that other processes do in their own time. */
export async function eventually<T>(look: () => Promise<T | undefined | false>, seconds = 50): Promise<T> {
  for (let attempt = 0; attempt < seconds * 10; attempt++) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await wait(100);
  }
  throw new Error(`did not happen within ${seconds} s`);
}

/** The keys cross the border, and BB puts them into a signed file. */
import type { PhoneKey } from '../../phone/exposure-keys.ts';
import { partnerTable } from '../../partners.ts';
import { count, formatBytes } from '../../table.ts';
import { pushed } from '../crossing.ts';
import { downloadWith, indexUrl, publicKeysUrl, type Download } from '../downloads.ts';
import { failed } from '../failed.ts';
import type { Scene } from '../scene.ts';

/** Waits until AA has pushed the keys and BB has exported them. @returns BB's file with all of them */
export async function deliver(scene: Scene, keys: readonly PhoneKey[]): Promise<Download> {
  await crossBorder(scene, keys.length);
  return await appearInFile(scene, keys);
}

async function crossBorder({ io, narrator, signal, aa, bb }: Scene, keys: number): Promise<void> {
  narrator.begin('The keys cross the border as soon as their window has closed');
  const atAa = await pushed({ io, from: aa, partner: 'bb', signal }, keys);
  if (atAa.push?.refusedKeys !== 0n) throw failed('BB refused keys');
  narrator.say(`AA pushed ${count(keys, 'key')} to ${bb.federationAddress}; BB acknowledged each when it was durable.`);
  narrator.say(`$ npx enmesh federation status --server ${aa.federationAddress}`);
  for (const line of partnerTable([atAa], ['push', 'pull']).trimEnd().split('\n')) narrator.say(line);
}

async function appearInFile({ narrator, signal, bb }: Scene, keys: readonly PhoneKey[]): Promise<Download> {
  narrator.begin('BB exports them, signed with its own key');
  const wanted = keys.map(({ key }) => key);
  const file = await downloadWith(wanted, bb, signal);
  narrator.tell('index', indexUrl(bb));
  narrator.tell('file', `${file.url} (${formatBytes(file.bytes)})`);
  narrator.tell('signed by', `${file.signers.join(' and ')}, verified with ${publicKeysUrl(bb)}`);
  narrator.tell(
    'content',
    `${count(file.keys.length, 'key')}: ${String(keys.length)} of Anna, and others that BB made up, so that`,
  );
  narrator.tell('', 'nobody can count how few there are');
  return file;
}

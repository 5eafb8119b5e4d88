/** Each authority proves to the other who it is. */
import { checkPartner } from '../crossing.ts';
import { failed } from '../failed.ts';
import type { Scene } from '../scene.ts';

/** Does what `enmesh federation check bb` does at AA. */
export async function shakeHands({ io, narrator, signal, aa, bb }: Scene): Promise<void> {
  narrator.begin('They prove to each other who they are');
  narrator.say(`$ npx enmesh federation check bb --server ${aa.federationAddress}`);
  const answer = await checkPartner({ io, from: aa, partner: 'bb', signal });
  if (!answer.isServerVerified || answer.grants === undefined) throw failed('BB did not prove who it is');
  const { acceptedRegions, offeredRegions } = answer.grants;
  narrator.say(`AA showed a token of ${aa.gatewayUrl}, which BB verified with the keys that are published there;`);
  narrator.say(`BB answered with one of ${bb.gatewayUrl} over AA's nonce. Protocol ${answer.version}.`);
  narrator.say(
    `AA may push keys of ${acceptedRegions.join(', ')} to BB, and read those of ${offeredRegions.join(', ')}.`,
  );
}

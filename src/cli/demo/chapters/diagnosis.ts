/** Today: Anna tests positive and publishes her keys at her own authority. */
import type { PhoneKey } from '../../phone/exposure-keys.ts';
import { dayStart } from '../../phone/exposure-keys.ts';
import { makePublishBody } from '../../phone/publish-body.ts';
import { postPublish } from '../../phone/publish-request.ts';
import { count } from '../../table.ts';
import { failed } from '../failed.ts';
import type { Scene } from '../scene.ts';

/** Publishes as a phone does: keys, and a certificate over them that the health authority signed. */
export async function testPositive({ io, narrator, aa }: Scene, keys: readonly PhoneKey[]): Promise<void> {
  narrator.begin('Today: Anna tests positive and publishes her keys at AA');
  const now = io.clock.now();
  const content = {
    keys,
    reportType: 'confirmed',
    onset: { interval: dayStart(now, 2), place: 'both' },
    traveler: true,
    revisionToken: '',
    hmacFields: 4,
    regions: undefined,
    attestation: undefined,
    paddingBytes: undefined,
  } as const;
  narrator.say(
    `Her health authority, ${aa.phone.issuer}, signs a certificate over ${count(keys.length, 'key')}: confirmed.`,
  );
  narrator.say(`POST ${aa.gatewayUrl}/v1/publish`);
  const body = JSON.stringify(makePublishBody(aa.phone, content, now));
  const answer = await postPublish(aa.gatewayUrl, { body, isV1Alpha1: false, isChaff: false, userAgent: undefined });
  if (answer.insertedExposures !== keys.length) {
    throw failed(`AA answered the publish with ${String(answer.status)} ${answer.code} ${answer.error}`);
  }
  narrator.say(`${String(answer.status)}: ${count(answer.insertedExposures, 'key')} stored. They name nobody.`);
}

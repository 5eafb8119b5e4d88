/** Device attestation in a publish: modes, refusals, and what is stored. */
import { describe, expect, it } from 'vitest';
import type { AttestationMode } from '../../../src/domain/configuration/configuration.ts';
import { hmacText, makeKeys, type PublishBody } from '../../support/phone.ts';
import { makePublisher, now, refusalOf, storedRows, type Publisher } from '../publish/publisher.ts';
import { appId, makeApple, sha256 } from './apple.ts';
import { makePlay, verdictFor } from './google.ts';

const play = makePlay();
const apple = await makeApple(now);

const android = play.settings;
const ios = { appId, environment: 'production', rootCertificates: [apple.rootPem] };

async function makeAttested(
  attestation: AttestationMode,
  settings: {
    android?: object | null;
    ios?: object | null;
    secrets?: NodeJS.ProcessEnv;
    bypassCertificate?: boolean;
  } = {},
): Promise<Publisher> {
  const { secrets = play.secrets, bypassCertificate = false } = settings;
  const publisher = await makePublisher({ secrets, bypassCertificate });
  const platforms = { android, ios, ...settings };
  await publisher.database.query('update apps set attestation = $1, android = $2, ios = $3', [
    attestation,
    platforms.android && JSON.stringify(platforms.android),
    platforms.ios && JSON.stringify(platforms.ios),
  ]);
  return publisher;
}

/** What the phone's own code computes, from the body that it is about to send. */
function claimOf(body: PublishBody): Buffer {
  const keys = hmacText(body.temporaryExposureKeys);
  return sha256([body.healthAuthorityID, keys, '', body.verificationPayload].join('|'));
}

async function withAndroid(body: PublishBody, claim = claimOf(body), at = now): Promise<PublishBody> {
  return { ...body, platform: 'android', deviceVerificationPayload: await play.token(verdictFor(claim, at)) };
}

async function withIos(body: PublishBody, claim = claimOf(body)): Promise<PublishBody> {
  return { ...body, platform: 'ios', deviceVerificationPayload: await apple.attest(claim) };
}

async function counted(publisher: Publisher): Promise<string[]> {
  const { body } = await publisher.metrics.render();
  return body.split('\n').filter((line) => line.startsWith('enmesh_attestations_total{'));
}

const refused = (message: string) => ({
  kind: 'unauthenticated',
  code: 'attestation_invalid',
  message: `device attestation: ${message}`,
});

describe('an app that requires attestation', () => {
  it('takes honest devices of both platforms', async () => {
    await using publisher = await makeAttested('require');
    expect(await publisher.publish(await withAndroid(publisher.body()))).toMatchObject({ inserted: 3 });
    expect(await publisher.publish(await withIos(publisher.body()))).toMatchObject({ inserted: 3 });
    expect(await counted(publisher)).toEqual([
      'enmesh_attestations_total{platform="android",outcome="passed"} 1',
      'enmesh_attestations_total{platform="ios",outcome="passed"} 1',
    ]);
  });

  it('refuses an attestation for other keys, and stores nothing', async () => {
    await using publisher = await makeAttested('require');
    const [body, other] = [publisher.body(), publisher.body()];
    for (const forged of [await withAndroid(body, claimOf(other)), await withIos(body, claimOf(other))]) {
      expect(await refusalOf(publisher.publish(forged))).toMatchObject(refused('it was made for another request'));
    }
    expect(await storedRows(publisher.database)).toEqual([]);
  });

  it('refuses what an honest attestation does not cover: one key, app, region or certificate more or less', async () => {
    await using publisher = await makeAttested('require', { bypassCertificate: true });
    const body = await withAndroid(publisher.body());
    const keys = body.temporaryExposureKeys;
    for (const change of [
      { temporaryExposureKeys: keys.slice(1) },
      { temporaryExposureKeys: keys.map((key) => ({ ...key, transmissionRisk: 1 })) },
      { healthAuthorityID: 'ORG.example.health' },
      { verificationPayload: 'x.y.z' },
    ]) {
      const refusal = await refusalOf(publisher.publish({ ...body, ...change }));
      expect(refusal).toMatchObject(refused('it was made for another request'));
    }
    const widened = publisher.publish(body, { regions: ['AA'] });
    expect(await refusalOf(widened)).toMatchObject(refused('it was made for another request'));
  });

  it.each([
    ['nothing', {}, 'the request carries none', 'unknown', 'missing'],
    ['no attestation', { platform: 'ios' }, 'the request carries none', 'ios', 'missing'],
    [
      'no platform',
      { deviceVerificationPayload: 'x' },
      'platform must be android or ios',
      'unknown',
      'unknown_platform',
    ],
    [
      'another platform',
      { platform: 'harmony', deviceVerificationPayload: 'x' },
      'platform must be android or ios',
      'unknown',
      'unknown_platform',
    ],
    [
      'a platform in capitals',
      { platform: 'iOS', deviceVerificationPayload: 'x' },
      'platform must be android or ios',
      'unknown',
      'unknown_platform',
    ],
  ])('refuses %s', async (_, change, message, platform, outcome) => {
    await using publisher = await makeAttested('require');
    expect(await refusalOf(publisher.publish({ ...publisher.body(), ...change }))).toMatchObject(refused(message));
    expect(await counted(publisher)).toEqual([
      `enmesh_attestations_total{platform="${platform}",outcome="${outcome}"} 1`,
    ]);
  });

  it('refuses one platform’s attestation under the other’s name', async () => {
    await using publisher = await makeAttested('require');
    const body = publisher.body();
    const swapped = [
      { ...(await withAndroid(body)), platform: 'ios' },
      { ...(await withIos(body)), platform: 'android' },
    ];
    for (const sent of swapped) {
      expect(await refusalOf(publisher.publish(sent))).toMatchObject(refused('it cannot be decoded'));
    }
  });

  it('refuses devices of a platform that it has no settings for', async () => {
    await using publisher = await makeAttested('require', { android: null });
    const body = publisher.body();
    const refusal = await refusalOf(publisher.publish(await withAndroid(body)));
    expect(refusal).toMatchObject(refused('this app takes none from this platform'));
    expect(await publisher.publish(await withIos(body))).toMatchObject({ inserted: 3 });
  });

  it('binds the regions that a v1alpha1 request names', async () => {
    await using publisher = await makeAttested('require');
    const body = publisher.body();
    const keys = hmacText(body.temporaryExposureKeys);
    const claim = sha256([body.healthAuthorityID, keys, 'AA', body.verificationPayload].join('|'));
    const sent = await withAndroid(body, claim);
    expect(await refusalOf(publisher.publish(sent))).toMatchObject(refused('it was made for another request'));
    expect(await publisher.publish(sent, { regions: ['aa'] })).toMatchObject({ inserted: 3 });
  });

  it('looks at the certificate first', async () => {
    await using publisher = await makeAttested('require');
    const refusal = refusalOf(publisher.publish({ ...publisher.body(), hmacKey: 'AAAA' }));
    expect(await refusal).toMatchObject({ code: 'health_authority_verification_certificate_invalid' });
    expect(await counted(publisher)).toEqual([]);
  });

  it('answers unavailable, stores nothing and tries again when its keys cannot be read', async () => {
    const secrets: NodeJS.ProcessEnv = {};
    await using publisher = await makeAttested('require', { secrets });
    const body = await withAndroid(publisher.body());
    expect(await refusalOf(publisher.publish(body))).toMatchObject({
      kind: 'unavailable',
      code: 'attestation_unavailable',
      message: 'device attestation cannot be checked at the moment',
    });
    expect(await storedRows(publisher.database)).toEqual([]);
    Object.assign(secrets, play.secrets);
    expect(await publisher.publish(body)).toMatchObject({ inserted: 3 });
  });

  it('heeds changed keys as soon as changed settings', async () => {
    const secrets: NodeJS.ProcessEnv = { ...play.secrets };
    await using publisher = await makeAttested('require', { secrets });
    await publisher.publish(await withAndroid(publisher.body()));
    Object.assign(secrets, makePlay().secrets);
    publisher.clock.advance(11_000);
    const late = await withAndroid(publisher.body());
    expect(await refusalOf(publisher.publish(late))).toMatchObject(
      refused('it is not signed by a key that this app trusts'),
    );
  });
});

describe('a repeated request', () => {
  it('is answered as the first time although its attestation has become too old', async () => {
    await using publisher = await makeAttested('require');
    const body = await withAndroid(publisher.body({ keys: makeKeys(now, 2) }));
    await publisher.publish(body);
    publisher.clock.advance(660_000);
    expect(await publisher.publish(body)).toMatchObject({ inserted: 2, revised: 0 });
    expect(await storedRows(publisher.database)).toHaveLength(2);
  });

  it('is refused when its attestation is not the one of an honest device', async () => {
    await using publisher = await makeAttested('require');
    const body = await withAndroid(publisher.body());
    await publisher.publish(body);
    const forged = { ...body, deviceVerificationPayload: await makePlay().token(verdictFor(claimOf(body), now)) };
    expect(await refusalOf(publisher.publish(forged))).toMatchObject(
      refused('it is not signed by a key that this app trusts'),
    );
  });

  it('that was never answered is refused when its attestation is too old', async () => {
    await using publisher = await makeAttested('require');
    const body = await withAndroid(publisher.body(), undefined, new Date(now.getTime() - 660_000));
    expect(await refusalOf(publisher.publish(body))).toMatchObject(refused('it is too old'));
    expect(await storedRows(publisher.database)).toEqual([]);
  });

  it('with an old attestation but other content is refused', async () => {
    await using publisher = await makeAttested('require');
    const body = await withAndroid(publisher.body());
    await publisher.publish(body);
    publisher.clock.advance(660_000);
    const changed = refusalOf(publisher.publish({ ...body, traveler: true }));
    expect(await changed).toMatchObject(refused('it is too old'));
  });

  it('without a certificate has no receipt, so its age refuses it', async () => {
    await using publisher = await makeAttested('require', { bypassCertificate: true });
    const body = await withAndroid({ ...publisher.body(), verificationPayload: '' });
    await publisher.publish(body);
    publisher.clock.advance(660_000);
    expect(await refusalOf(publisher.publish(body))).toMatchObject(refused('it is too old'));
  });
});

describe('an app that observes attestation', () => {
  it('takes everything and counts what it saw', async () => {
    await using publisher = await makeAttested('observe', { ios: null });
    const bodies = Array.from({ length: 5 }, () => publisher.body());
    const [honest, forged, bare, apple, old] = bodies as [
      PublishBody,
      PublishBody,
      PublishBody,
      PublishBody,
      PublishBody,
    ];
    const longAgo = new Date(now.getTime() - 3_600_000);
    for (const body of [
      await withAndroid(honest),
      await withAndroid(forged, claimOf(honest)),
      bare,
      await withIos(apple),
      await withAndroid(old, undefined, longAgo),
    ]) {
      expect(await publisher.publish(body)).toMatchObject({ inserted: 3 });
    }
    expect(await counted(publisher)).toEqual([
      'enmesh_attestations_total{platform="android",outcome="passed"} 1',
      'enmesh_attestations_total{platform="android",outcome="other_request"} 1',
      'enmesh_attestations_total{platform="unknown",outcome="missing"} 1',
      'enmesh_attestations_total{platform="ios",outcome="not_configured"} 1',
      'enmesh_attestations_total{platform="android",outcome="too_old"} 1',
    ]);
  });

  it('counts as unavailable what it could not check', async () => {
    await using publisher = await makeAttested('observe', { secrets: {} });
    expect(await publisher.publish(await withAndroid(publisher.body()))).toMatchObject({ inserted: 3 });
    expect(await counted(publisher)).toEqual(['enmesh_attestations_total{platform="android",outcome="unavailable"} 1']);
  });
});

describe('an app with attestation off', () => {
  it('ignores what is sent', async () => {
    await using publisher = await makeAttested('off');
    const sent = { ...publisher.body(), platform: 'android', deviceVerificationPayload: 'anything' };
    expect(await publisher.publish(sent)).toMatchObject({ inserted: 3 });
    expect(await counted(publisher)).toEqual([]);
  });
});

/** The attestation's step agrees with the publish, in each mode and however old. */
import { describe, expect, it } from 'vitest';
import { hmacText } from '../../../support/phone.ts';
import { makePlay, verdictFor } from '../../attestation/google.ts';
import { sha256 } from '../../attestation/apple.ts';
import { makePublisher, now } from '../publisher.ts';
import { makeExplainer, publishJson } from './explainer.ts';

const play = makePlay();

async function makeAttested(mode: string) {
  const publisher = await makePublisher({ secrets: play.secrets });
  await publisher.database.query('update apps set attestation = $1, android = $2', [
    mode,
    JSON.stringify(play.settings),
  ]);
  const body = publisher.body();
  const claim = sha256(
    [body.healthAuthorityID, hmacText(body.temporaryExposureKeys), '', body.verificationPayload].join('|'),
  );
  const attested = {
    ...body,
    platform: 'android',
    deviceVerificationPayload: await play.token(verdictFor(claim, now)),
  };
  const explain = makeExplainer(publisher, { secrets: play.secrets });
  const agrees = async (json: string) => {
    const { steps, answer } = await explain(json);
    const { isRepeated } = answer;
    const answered = await publishJson(publisher, json);
    expect(answer).toMatchObject(answered);
    return { step: steps.find(({ name }) => name === 'attestation'), status: answered.status, isRepeated };
  };
  return { publisher, body, attested, agrees, [Symbol.asyncDispose]: () => publisher[Symbol.asyncDispose]() };
}

describe('an attestation', () => {
  it('that is required and missing is where the publish ends', async () => {
    await using app = await makeAttested('require');
    expect(await app.agrees(JSON.stringify(app.body))).toMatchObject({
      status: 401,
      step: { outcome: 'refused', code: 'attestation_invalid' },
    });
  });

  it('that is only observed is a note', async () => {
    await using app = await makeAttested('observe');
    expect(await app.agrees(JSON.stringify(app.body))).toMatchObject({ status: 200, step: { outcome: 'warning' } });
  });

  it('that has grown too old is refused the first time, and a note in a repeated request', async () => {
    await using app = await makeAttested('require');
    const json = JSON.stringify(app.attested);
    app.publisher.clock.advance(11 * 60_000);
    expect(await app.agrees(json)).toMatchObject({ status: 401, step: { outcome: 'refused' } });
    app.publisher.clock.set(now);
    expect(await app.agrees(json)).toMatchObject({ status: 200, step: { outcome: 'passed' } });
    app.publisher.clock.advance(11 * 60_000);
    expect(await app.agrees(json)).toMatchObject({ status: 200, isRepeated: true, step: { outcome: 'warning' } });
  });

  it('is counted and logged nowhere', async () => {
    await using app = await makeAttested('observe');
    await makeExplainer(app.publisher, { secrets: play.secrets })(app.attested);
    expect((await app.publisher.metrics.render()).body).not.toContain('enmesh_attestations_total{');
  });
});

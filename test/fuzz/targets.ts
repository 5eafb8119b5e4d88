/** Every decoder that reads what strangers send, with something that it reads when all is well. */
import { createCipheriv, createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readExportFile } from '../../src/cli/export-file/read.ts';
import { decodeKeys } from '../../src/domain/export-file/decode.ts';
import { judgeKey } from '../../src/domain/import/judge-key.ts';
import { fileUrl, listedFiles } from '../../src/domain/import/listed-files.ts';
import { keyBounds } from '../../src/domain/publish/validate-key.ts';
import { openVerifiedFile } from '../../src/federation/import/verified-file.ts';
import { decodeLenientBase64 } from '../../src/domain/publish/base64.ts';
import { hmacOrder, hmacTexts } from '../../src/domain/publish/hmac-text.ts';
import { decodeStatsBody } from '../../src/domain/publish-body/decode-stats.ts';
import { decodeV1Alpha1Body } from '../../src/domain/publish-body/decode-v1alpha1.ts';
import { decodePublishBody, DecodeFailure } from '../../src/domain/publish-body/decode.ts';
import { readDocument } from '../../src/server/jwks/read-document.ts';
import { AppAttest } from '../../src/server/attestation/app-attest.ts';
import { parseCertificate } from '../../src/server/attestation/certificate.ts';
import { PlayIntegrity } from '../../src/server/attestation/play-integrity.ts';
import { parseCompactJws } from '../../src/server/publish/compact-jws.ts';
import { derSignature } from '../../src/server/publish/der-signature.ts';
import {
  openRevisionToken,
  parseRevisionToken,
  sealRevisionToken,
  type RevisionKey,
} from '../../src/server/publish/revision-token.ts';
import { appId, makeApple, sha256 } from '../server/attestation/apple.ts';
import { makePlay, verdictFor } from '../server/attestation/google.ts';
import { makeFederationTargets } from './federation-targets.ts';
import { makeAuthorityPhone } from './sample-phone.ts';
import type { Target } from './explore.ts';

const now = new Date('2026-03-15T13:47:30Z');
const claim = sha256('a request');
const context = { claim, now, leewaySeconds: 60 };
const phone = makeAuthorityPhone();
const body = phone.publishBody({ now, symptomOnsetInterval: 2_689_000, traveler: true });
const publishJson = JSON.stringify({ ...body, platform: 'android', padding: 'AAAA' });

/** All targets, in the order in which they take their turns. */
export async function makeTargets(): Promise<readonly Target[]> {
  return [
    ...jsonTargets(),
    ...certificateTargets(),
    ...tokenTargets(),
    ...(await attestationTargets()),
    exportFile,
    ...importTargets(),
    ...makeFederationTargets(),
  ];
}

function jsonTargets(): Target[] {
  const { healthAuthorityID, hmacKey, ...rest } = body;
  const oldBody = { ...rest, appPackageName: healthAuthorityID, hmackey: hmacKey, regions: ['AA', 'BB'] };
  const nested = '{"other":[[[{"a":{"b":null}}]],1.5e3,"\\u00e9\\n"],"traveler":true}';
  return [
    { name: 'publish-json', seeds: texts(publishJson, nested), run: (input) => readJson(decodePublishBody, input) },
    {
      name: 'v1alpha1-json',
      seeds: texts(JSON.stringify(oldBody), nested),
      run: (input) => readJson(decodeV1Alpha1Body, input),
    },
    {
      name: 'stats-json',
      seeds: texts('{"padding":"AAAA"}', nested),
      run: (input) => readJson(decodeStatsBody, input),
    },
    {
      name: 'hmac',
      seeds: texts(publishJson),
      run: (input) => {
        const decoded = decodePublishBody(input);
        if (decoded instanceof DecodeFailure) return;
        const { temporaryExposureKeys: keys } = decoded;
        const order = hmacOrder(keys);
        if (new Set(order).size !== keys.length) throw new Error('a key is left out of the HMAC');
        hmacTexts(keys, order);
        for (const { key } of keys) decodeLenientBase64(key);
        decodeLenientBase64(decoded.hmacKey);
      },
    },
  ];
}

/** Whatever another JSON reader takes for an object must not be called malformed here. */
function readJson(decode: (bytes: Buffer, isCut?: boolean) => unknown, input: Buffer): void {
  const decoded = decode(input);
  decode(input, true);
  if (!(decoded instanceof DecodeFailure) || !decoded.text.startsWith('malformed')) return;
  if (isJsonObject(input) && deepestOf(input) < 10_000) throw new Error(`JSON is called ${decoded.text}`);
}

function isJsonObject(input: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(input.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** An upper bound. */
function deepestOf(input: Buffer): number {
  return input.filter((byte) => byte === 0x5b || byte === 0x7b).length;
}

function certificateTargets(): Target[] {
  const [header = '', payload = '', signature = ''] = body.verificationPayload.split('.');
  const decoded = [header, payload].map((part) => Buffer.from(part, 'base64url').toString());
  return [
    {
      name: 'certificate',
      seeds: texts(body.verificationPayload, `Bearer ${body.verificationPayload}`),
      run: (input) => readCertificate(input.toString()),
    },
    {
      name: 'certificate-json',
      seeds: texts(decoded.join('\n')),
      run: (input) => {
        const [first = '', ...rest] = input.toString().split('\n');
        const parts = [first, rest.join('\n')].map((part) => Buffer.from(part).toString('base64url'));
        readCertificate([...parts, signature].join('.'));
      },
    },
    {
      name: 'jwks',
      seeds: texts(
        JSON.stringify({ keys: [{ ...phone.publicJwk, kid: 'v1', use: 'sig' }] }),
        JSON.stringify([{ ...phone.publicJwk, kid: 'v2', alg: 'ES256', exp: '2030-01-01T00:00:00Z' }]),
      ),
      run: (input) => readDocument(input.toString()),
    },
  ];
}

function readCertificate(text: string): void {
  const { jws, fault } = parseCompactJws(text);
  if (jws === undefined ? typeof fault !== 'string' : !text.startsWith(`${jws.signingInput}.`)) {
    throw new Error('neither certificate nor fault');
  }
  if (jws) derSignature(jws.signature);
}

function tokenTargets(): Target[] {
  const key: RevisionKey = { kid: '1', secret: createSecretKey(Buffer.alloc(32, 1)) };
  const aad = Buffer.from('aad');
  const entries = [{ key: Buffer.alloc(16, 7), intervalStart: 2_689_000, intervalCount: 144 }];
  const open = (token: string): void => {
    const sealed = parseRevisionToken(token);
    if (sealed) openRevisionToken(sealed, key, aad);
  };
  const plain = Buffer.from('0a1a0a101111111111111111111111111111111110b0aca401189001', 'hex');
  return [
    {
      name: 'revision-token',
      seeds: texts(sealRevisionToken(entries, key, { aad, minLength: 28 })),
      run: (input) => {
        open(input.toString());
        open(input.toString('base64'));
      },
    },
    {
      // What only a holder of the data key could write.
      name: 'revision-list',
      seeds: [plain, Buffer.concat([plain, plain])],
      run: (input) => {
        const nonce = Buffer.alloc(12);
        const cipher = createCipheriv('aes-256-gcm', key.secret, nonce).setAAD(aad);
        const data = Buffer.concat([nonce, cipher.update(input), cipher.final(), cipher.getAuthTag()]);
        for (const { key: bytes, intervalCount } of openRevisionToken({ kid: '1', data }, key, aad) ?? []) {
          if (bytes.length !== 16 || intervalCount < 1) throw new Error('an entry that no server writes');
        }
      },
    },
  ];
}

async function attestationTargets(): Promise<Target[]> {
  const play = makePlay();
  const secrets: Readonly<Record<string, string>> = {
    [play.settings.decryptionKey]: play.secrets.PLAY_DECRYPTION_KEY,
    [play.settings.verificationKey]: play.secrets.PLAY_VERIFICATION_KEY,
  };
  const playVerifier = await PlayIntegrity.open(play.settings, (name) => Promise.resolve(secrets[name] ?? ''));
  const verdict = verdictFor(claim, now);
  const apple = await makeApple(now);
  const appleVerifier = new AppAttest({ appId, environment: 'production', rootCertificates: [apple.rootPem] });
  const object = Buffer.from(await apple.attest(claim), 'base64');
  return [
    {
      name: 'play-token',
      seeds: texts(await play.token(verdict)),
      run: (input) => playVerifier.verify(input.toString(), context),
    },
    {
      name: 'play-verdict',
      seeds: texts(JSON.stringify(verdict)),
      run: async (input) => playVerifier.verify(await play.encrypt(await play.sign(input)), context),
    },
    {
      name: 'app-attest',
      seeds: [object],
      run: (input) => appleVerifier.verify(input.toString('base64'), context),
    },
    {
      name: 'x509',
      seeds: [Buffer.from(apple.root.certificate.rawData), Buffer.from(apple.intermediate.certificate.rawData)],
      run: parseCertificate,
    },
  ];
}

const exportFile: Target = {
  name: 'export-zip',
  seeds: [readFileSync(new URL('../vectors/google-example/testExport-2-records-1-of-1.zip', import.meta.url))],
  run: readExportFile,
};

function importTargets(): Target[] {
  const rules = {
    backfillReportType: 'confirmed',
    backfillOnsetDays: 10,
    maxIntervalAgeSeconds: 15 * 86_400,
    maxSymptomOnsetDays: 14,
    releaseSameDayKeys: false,
    truncateSeconds: 3600,
  } as const;
  const googleExample = new URL('../vectors/google-example/', import.meta.url);
  const publicKeyPem = readFileSync(new URL('public.pem', googleExample), 'utf8');
  const trusted = { keyId: 'some_id', keyVersion: '1', publicKeyPem, from: new Date(0), thru: null };
  const key = '3a1e0a101111111111111111111111111111111110021890e9a1012001280130043a020a00';
  return [
    {
      name: 'import-zip',
      seeds: exportFile.seeds,
      run: (input) =>
        openVerifiedFile(input, { publicKeys: [trusted], now }, { maxFileBytes: 1_000_000, maxKeys: 1000 }),
    },
    {
      // What only a holder of a trusted key could write.
      name: 'import-keys',
      seeds: [Buffer.from(key, 'hex')],
      run: (input) => {
        const bin = Buffer.concat([Buffer.from('EK Export v1    '), input]);
        for (const list of ['keys', 'revisedKeys'] as const) {
          for (const sent of decodeKeys(bin, list)) {
            const { accepted } = judgeKey(list, sent, { rules, bounds: keyBounds(rules, now) });
            if (
              accepted &&
              (accepted.key.length !== 16 || accepted.intervalCount > 144 || accepted.transmissionRisk > 8)
            ) {
              throw new Error('a key is accepted that no table can hold');
            }
          }
        }
      },
    },
    {
      name: 'import-index',
      seeds: texts('aa/1.zip\n/aa/2.zip\r\n\n../3.zip\n'),
      run: (input) => {
        for (const name of listedFiles(input.toString()).names) {
          if (!fileUrl('https://host/root/', name).startsWith('https://host/root/'))
            throw new Error('a name leads away');
        }
      },
    },
  ];
}

function texts(...all: string[]): Buffer[] {
  return all.map((text) => Buffer.from(text));
}

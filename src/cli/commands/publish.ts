/** `enmesh publish`: acts as a phone. */
import { dirname, join } from 'node:path';
import { Command } from 'commander';
import { AppError } from '../../domain/errors.ts';
import { readValues } from '../../platform/config/load.ts';
import type { Io } from '../io.ts';
import type { CommandSetup } from '../lazy-commands.ts';
import type { PhoneKey } from '../phone/exposure-keys.ts';
import { readPhone, type Phone } from '../phone/phone-file.ts';
import { showAnswers } from '../phone/publish-answer.ts';
import { makeChaffBody, makePublishBody, type Platform } from '../phone/publish-body.ts';
import { addPublishOptions, contentOf, type PublishOptions } from '../phone/publish-options.ts';
import { postPublish, type PublishAnswer } from '../phone/publish-request.ts';
import { readRequestBody } from '../phone/request-body.ts';
import { saveKeys } from '../phone/saved-keys.ts';

/** The command. */
export function publishCommand({ io }: CommandSetup): Command {
  const command = new Command('publish').description(
    'Act as a phone: make keys, have a certificate signed over them, publish, print the answer.',
  );
  return addPublishOptions(command).action((options: PublishOptions) => publish(io, options));
}

/** A request that is ready, and what is known of it. */
interface Prepared {
  readonly body: string | Uint8Array;
  /** None known of a body that is sent as it is. */
  readonly keys: readonly PhoneKey[];
}

async function publish(io: Io, options: PublishOptions): Promise<void> {
  const phoneFile = options.phone ?? (await defaultPhoneFile(io));
  const phone = await readPhone(phoneFile);
  const prepared = await prepare(io, options, { phone, phoneFile });
  if (options.dryRun) {
    io.stdout.write(`${String(prepared.body)}\n`);
    return;
  }
  const answers: PublishAnswer[] = [];
  const isChaff = options.chaff === true;
  const userAgent = options.userAgent ?? (options.platform && userAgents[options.platform]);
  const request = { body: prepared.body, isV1Alpha1: options.v1alpha1 === true, isChaff, userAgent };
  for (let sent = 0; sent <= options.repeat; sent++) answers.push(await postPublish(phone.gatewayUrl, request));
  showAnswers(io, answers, { phone, sentKeys: prepared.keys.length, isChaff, json: options.json === true });
  for (const answer of answers) requireAccepted(answer, request.isV1Alpha1);
  const keptIn = keysFileOf(options.revise ?? options.save, phoneFile);
  const last = answers.at(-1);
  if (keptIn !== undefined && last) {
    await saveKeys(keptIn, { temporaryExposureKeys: prepared.keys, revisionToken: last.revisionToken });
  }
}

/** What the phones of each system call themselves (reference 1.12). */
const userAgents: Readonly<Record<Platform, string>> = {
  android: 'Dalvik/2.1.0 (Linux; U; Android 14)',
  ios: 'bluetoothd (unknown version) CFNetwork/1410.0.3 Darwin/22.6.0',
};

async function prepare(
  io: Io,
  options: PublishOptions,
  { phone, phoneFile }: { readonly phone: Phone; readonly phoneFile: string },
): Promise<Prepared> {
  if (options.body !== undefined) {
    const body = await readRequestBody(io, options.body);
    return { body, keys: keysIn(body) };
  }
  const now = io.clock.now();
  const savedFile = options.keysFile ?? keysFileOf(options.revise, phoneFile);
  const content = await contentOf(options, savedFile, now);
  const make = options.chaff ? makeChaffBody : makePublishBody;
  return { body: JSON.stringify(make(phone, content, now)), keys: content.keys };
}

/** The keys that a body holds; none when it is not JSON. */
function keysIn(body: Buffer): readonly PhoneKey[] {
  try {
    const { temporaryExposureKeys: keys } = JSON.parse(body.toString()) as { temporaryExposureKeys?: unknown };
    return Array.isArray(keys) ? (keys as PhoneKey[]) : [];
  } catch {
    return [];
  }
}

function keysFileOf(named: string | true | undefined, phoneFile: string): string | undefined {
  return named === true ? join(dirname(phoneFile), 'phone-keys.json') : named;
}

async function defaultPhoneFile(io: Io): Promise<string> {
  const { ENMESH_DATA_DIR: dataDir } = await readValues(io.env, true);
  return join(dataDir ?? '.enmesh', 'phone.json');
}

const noSuchRoute = 'there is no such route: is gatewayUrl in the phone file the gateway?';
const noV1Alpha1Route = 'there is no such route: does the gateway run with ENMESH_ENABLE_V1ALPHA1_API=true?';
const explainIt =
  'why, step by step: send it again with --dry-run, and give what is printed to `enmesh explain publish -`';

function requireAccepted({ status, code, error }: PublishAnswer, isV1Alpha1: boolean): void {
  if (status >= 200 && status <= 299) return;
  const reason = [code, error].filter((text) => text !== '').join(': ');
  const message = `the gateway answered ${String(status)} ${reason}`.trimEnd();
  throw new AppError('precondition', 'publish_refused', message, { details: cureOf(status, isV1Alpha1) });
}

function cureOf(status: number, isV1Alpha1: boolean): string[] {
  if (status === 404) return [isV1Alpha1 ? noV1Alpha1Route : noSuchRoute];
  return status >= 400 && status < 500 ? [explainIt] : [];
}

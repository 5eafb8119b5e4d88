/** What the verdict of Play Integrity must say (https://developer.android.com/google/play/integrity/verdicts). */
import { decodeLenientBase64 } from '../publish/base64.ts';
import type { AttestationFault } from './fault.ts';

/** What a verdict is held to. */
export interface PlayExpectation {
  readonly packageName: string;
  /** SHA-256 of the app's signing certificates, base64 in any alphabet. */
  readonly certificateDigests: readonly string[];
  readonly maxAgeSeconds: number;
  /** Tolerance for clocks. */
  readonly leewaySeconds: number;
  /** SHA-256 of the request's claim. */
  readonly claim: Uint8Array;
  readonly now: Date;
}

/** The first thing that is wrong with a verdict whose signature holds; age is looked at last. */
export function playVerdictFault(verdict: unknown, expected: PlayExpectation): AttestationFault | undefined {
  const request = member(verdict, 'requestDetails');
  const time = milliseconds(member(request, 'timestampMillis'));
  const nonce = member(request, 'nonce');
  if (time === undefined || typeof nonce !== 'string') return 'malformed';
  if (member(request, 'requestPackageName') !== expected.packageName) return 'other_app';
  if (!isSame(nonce, expected.claim)) return 'other_request';
  return (
    appFault(member(verdict, 'appIntegrity'), expected) ??
    deviceFault(member(verdict, 'deviceIntegrity')) ??
    timeFault(time, expected)
  );
}

function appFault(app: unknown, expected: PlayExpectation): AttestationFault | undefined {
  if (member(app, 'appRecognitionVerdict') !== 'PLAY_RECOGNIZED') return 'app_not_recognized';
  if (member(app, 'packageName') !== expected.packageName) return 'other_app';
  const known = expected.certificateDigests.flatMap((digest) => decodeLenientBase64(digest).bytes ?? []);
  const signers = texts(member(app, 'certificateSha256Digest'));
  return signers.some((signer) => known.some((digest) => isSame(signer, digest))) ? undefined : 'other_app';
}

function deviceFault(device: unknown): AttestationFault | undefined {
  const labels = texts(member(device, 'deviceRecognitionVerdict'));
  return labels.includes('MEETS_DEVICE_INTEGRITY') ? undefined : 'device_not_trusted';
}

function timeFault(time: number, { maxAgeSeconds, leewaySeconds, now }: PlayExpectation): AttestationFault | undefined {
  const ageSeconds = (now.getTime() - time) / 1000;
  if (ageSeconds < -leewaySeconds) return 'from_future';
  return ageSeconds > maxAgeSeconds ? 'too_old' : undefined;
}

/** Google writes numbers of 64 bits as text. */
function milliseconds(value: unknown): number | undefined {
  if (typeof value !== 'number' && !(typeof value === 'string' && /^\d{1,16}$/.test(value))) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

function isSame(base64: string, bytes: Uint8Array): boolean {
  return decodeLenientBase64(base64).bytes?.equals(bytes) ?? false;
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

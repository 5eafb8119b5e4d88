/** A key manager that is slow, throttles or fails for a while is asked again, within a limit. */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '../../domain/errors.ts';
import { within } from '../time-limit.ts';
import { managerUnavailable } from './faults.ts';
import type { KeyManager, ManagedKey, SigningKeyVersion } from './key-manager.ts';

/** How long to try. */
export interface RetryTerms {
  /** Longest single call. */
  readonly callTimeoutMs: number;
  /** Longest time for all tries of one call, pauses included. */
  readonly totalMs: number;
  /** Longest pause after the first failure; it doubles with each … */
  readonly firstPauseMs: number;
  /** … up to this. */
  readonly longestPauseMs: number;
}

const defaultCallTimeoutMs = 10_000;
/** Three calls that hang, or many that fail. */
const triesThatHang = 3;

/** The terms for a call of so long at most. */
export function retryTerms(callTimeoutMs: number = defaultCallTimeoutMs): RetryTerms {
  return { callTimeoutMs, totalMs: triesThatHang * callTimeoutMs, firstPauseMs: 100, longestPauseMs: 3_000 };
}

/**
 * Repeats what may be repeated: reading, signing, encrypting and decrypting, after `key_manager_unavailable` and after
 * silence. Making a key is tried once: an answer may be lost after the key was made, and nobody wants two; who asks again
 * finds it. Every fault that stays is told as the manager told it.
 */
export class RetryingKeyManager implements KeyManager {
  readonly #manager: KeyManager;
  readonly #terms: RetryTerms;

  constructor(manager: KeyManager, terms: RetryTerms) {
    this.#manager = manager;
    this.#terms = terms;
  }

  async listKeys(): Promise<readonly ManagedKey[]> {
    // Many calls: it gets the time of all tries.
    return await this.#repeat(() => this.#manager.listKeys(), this.#terms.totalMs);
  }

  async findKey(name: string): Promise<ManagedKey | undefined> {
    return await this.#repeat(() => this.#manager.findKey(name));
  }

  async createSigningKey(name: string): Promise<SigningKeyVersion> {
    return await this.#once(this.#manager.createSigningKey(name));
  }

  async createSigningKeyVersion(name: string): Promise<SigningKeyVersion> {
    return await this.#once(this.#manager.createSigningKeyVersion(name));
  }

  async signingKeyVersions(name: string): Promise<readonly SigningKeyVersion[]> {
    return await this.#repeat(() => this.#manager.signingKeyVersions(name));
  }

  async sign(name: string, version: string, digest: Uint8Array): Promise<Uint8Array> {
    return await this.#repeat(() => this.#manager.sign(name, version, digest));
  }

  async createEncryptionKey(name: string): Promise<void> {
    await this.#once(this.#manager.createEncryptionKey(name));
  }

  async encrypt(name: string, plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    return await this.#repeat(() => this.#manager.encrypt(name, plaintext, aad));
  }

  async decrypt(name: string, ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    return await this.#repeat(() => this.#manager.decrypt(name, ciphertext, aad));
  }

  /** Making keys takes a hardware module seconds: one try has the time of all. */
  async #once<T>(work: Promise<T>): Promise<T> {
    try {
      return await within(this.#terms.totalMs, work);
    } catch (error) {
      throw told(error);
    }
  }

  async #repeat<T>(work: () => Promise<T>, callTimeoutMs = this.#terms.callTimeoutMs): Promise<T> {
    const deadline = performance.now() + this.#terms.totalMs;
    for (let failures = 1; ; failures++) {
      try {
        return await within(Math.max(1, Math.min(callTimeoutMs, deadline - performance.now())), work());
      } catch (error) {
        const pauseMs = this.#pauseAfter(failures);
        if (!isWorthAnotherTry(error) || performance.now() + pauseMs >= deadline) throw told(error);
        await pause(pauseMs);
      }
    }
  }

  /** Anything up to the limit, so that replicas that failed together do not come back together. */
  #pauseAfter(failures: number): number {
    const { firstPauseMs, longestPauseMs } = this.#terms;
    return randomInt(0, Math.min(firstPauseMs * 2 ** (failures - 1), longestPauseMs) + 1);
  }
}

function isWorthAnotherTry(error: unknown): boolean {
  return isSilence(error) || (error instanceof AppError && error.code === 'key_manager_unavailable');
}

function isSilence(error: unknown): boolean {
  return error instanceof AppError && error.code === 'time_limit';
}

function told(error: unknown): unknown {
  return isSilence(error) ? managerUnavailable(error) : error;
}

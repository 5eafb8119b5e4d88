/** What an attestation covers. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { claimText } from '../../../src/domain/attestation/claim.ts';

const key = (text: string, transmissionRisk = 0n) => ({
  key: text,
  rollingStartNumber: 2_650_000,
  rollingPeriod: 144,
  transmissionRisk,
});

const request = { appId: 'org.example.health', keys: [key('b==', 3n), key('a==')], regions: [], certificate: 'x.y.z' };

describe('the claim of an attestation', () => {
  it('is that of the example in docs/attestation.md', () => {
    const text = claimText({ ...request, regions: ['us-wa', 'AA'] });
    const hash = createHash('sha256').update(text).digest('base64');
    expect(readFileSync('docs/attestation.md', 'utf8')).toContain(`${text}\nSHA-256, base64: ${hash}\n`);
  });

  it('is app, keys with all four fields in their order, regions and certificate', () => {
    const text = claimText({ ...request, regions: ['us-wa', 'AA'] });
    expect(text).toBe('org.example.health|a==.2650000.144.0,b==.2650000.144.3|AA,US-WA|x.y.z');
    expect(createHash('sha256').update(text).digest('base64')).toBe('2sSvUAe/JpYAc13wHB5So9wgFHDig20DPxOeNmuMtdE=');
  });

  it('of a v1 request has no regions', () => {
    expect(claimText(request)).toBe('org.example.health|a==.2650000.144.0,b==.2650000.144.3||x.y.z');
  });

  it('has the transmission risk also where it is 0 everywhere', () => {
    expect(claimText({ ...request, keys: [key('a==')] })).toBe('org.example.health|a==.2650000.144.0||x.y.z');
  });

  it('changes with every part, and not with the order of keys and regions', () => {
    const whole = { ...request, regions: ['AA', 'BB'] };
    const shuffled = { ...whole, keys: whole.keys.toReversed(), regions: ['bb', 'aa'] };
    expect(claimText(shuffled)).toBe(claimText(whole));
    const changes = [
      { appId: 'org.example.other' },
      { keys: [key('a==')] },
      { regions: ['AA'] },
      { certificate: 'x.y.w' },
    ];
    for (const change of changes) expect(claimText({ ...whole, ...change })).not.toBe(claimText(whole));
  });
});

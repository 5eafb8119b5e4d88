/** Why an attestation does not count: a word for metrics, and a text that is safe for strangers. */

const texts = {
  missing: 'the request carries none',
  unknown_platform: 'platform must be android or ios',
  not_configured: 'this app takes none from this platform',
  malformed: 'it cannot be decoded',
  untrusted: 'it is not signed by a key that this app trusts',
  expired: 'a certificate of its chain is not valid at this time',
  other_request: 'it was made for another request',
  other_app: 'it was made by another app',
  other_key: 'its key is not the one that its certificate names',
  used_key: 'its key has been used before',
  other_environment: 'it was made in another App Attest environment',
  app_not_recognized: 'the app is not the one that the store distributes',
  device_not_trusted: 'the device does not pass the integrity checks',
  from_future: 'its time lies in the future',
  too_old: 'it is too old',
} as const;

/** Every reason; `too_old` is given only where nothing else is wrong. */
export type AttestationFault = keyof typeof texts;

/** Names the failed check, without data of the request. */
export function attestationFaultText(fault: AttestationFault): string {
  return `device attestation: ${texts[fault]}`;
}

/** Every `code` that clients of the gateway meet: the one table behind its answers, `/openapi.json` and docs/errors.md. */

/** Who is answered with it, and with which statuses. */
interface CodeStatuses {
  readonly publish?: readonly number[];
  /** Where they differ from those of `publish`; these clients see the status and the text, never the code. */
  readonly v1alpha1?: readonly number[];
  readonly stats?: readonly number[];
}

/** What a code means. */
export interface ClientCode {
  readonly statuses: CodeStatuses;
  /** For whom the server role says it: there it passes as it is, with the status of its kind. */
  readonly passesTo: readonly ('publish' | 'stats')[];
  /** Cause and cure. */
  readonly meaning: string;
}

/** Reference 1.9 and 7, and the codes added to them. */
export const clientCodes = {
  bad_request: {
    statuses: { publish: [400, 413, 415], stats: [400] },
    passesTo: ['publish'],
    meaning: 'the JSON cannot be read, or no key of it can be used; the text names position, field or key',
  },
  method_not_allowed: {
    statuses: { publish: [405], stats: [405] },
    passesTo: [],
    meaning: 'only POST is answered',
  },
  unknown_health_authority_id: {
    statuses: { publish: [401] },
    passesTo: ['publish'],
    meaning: 'no app with that `healthAuthorityID` is configured',
  },
  unauthorized_region: {
    statuses: { v1alpha1: [401] },
    passesTo: ['publish'],
    meaning: 'a v1alpha1 request names a region that is not one of the app; the text names it, the code is not sent',
  },
  health_authority_verification_certificate_invalid: {
    statuses: { publish: [401] },
    passesTo: ['publish'],
    meaning: 'the certificate or its HMAC is refused; the text names which check',
  },
  attestation_invalid: {
    statuses: { publish: [401] },
    passesTo: ['publish'],
    meaning: 'the app asks for an attestation of the device, and none that holds was sent',
  },
  unauthorized: {
    statuses: { stats: [401] },
    passesTo: ['stats'],
    meaning: 'the token in `Authorization` is missing or refused; the text names which check',
  },
  missing_revision_token: {
    statuses: { publish: [400] },
    passesTo: ['publish'],
    meaning: 'known keys were sent without a revision token',
  },
  invalid_revision_token: {
    statuses: { publish: [400] },
    passesTo: ['publish'],
    meaning: 'the token is not ours, or does not list these keys as they are stored',
  },
  key_already_revised: {
    statuses: { publish: [400] },
    passesTo: ['publish'],
    meaning: 'a key can be revised once',
  },
  invalid_report_type_transition: {
    statuses: { publish: [400] },
    passesTo: ['publish'],
    meaning: 'a key cannot become that from what it is',
  },
  on_hold: {
    statuses: { publish: [403], stats: [403] },
    passesTo: ['publish', 'stats'],
    meaning: 'the app or the health authority is on hold; `enmesh hold list` names it',
  },
  rate_limited: {
    statuses: { publish: [429], stats: [429] },
    passesTo: ['publish'],
    meaning: 'too many requests from this address; `Retry-After` says when to come again',
  },
  partial_failure: {
    statuses: { publish: [200] },
    passesTo: [],
    meaning: 'some keys were stored; the text names why the others were not',
  },
  health_authority_missing_region_config: {
    statuses: { publish: [500] },
    passesTo: ['publish'],
    meaning: "the app has no region: an operator's fault",
  },
  internal_error: {
    statuses: { publish: [500], stats: [500] },
    passesTo: [],
    meaning: 'a fault of ours; the log has the reason',
  },
  unavailable: {
    statuses: { publish: [503], stats: [503] },
    passesTo: [],
    meaning: 'database, key manager or a role does not answer; `Retry-After` says when to come again',
  },
  maintenance: {
    statuses: { publish: [503], stats: [503] },
    passesTo: [],
    meaning: 'nothing is taken or told at the moment; `Retry-After` says when to come again',
  },
} as const satisfies Readonly<Record<string, ClientCode>>;

/** All of them, as the table has them. */
export const clientCodeList: readonly (readonly [code: string, meaning: ClientCode])[] = Object.entries(clientCodes);

/** Codes of the server role that reach these clients as they are; any other comes from between the roles. */
export function codesPassedTo(clients: 'publish' | 'stats'): ReadonlySet<string> {
  return new Set(clientCodeList.filter(([, { passesTo }]) => passesTo.includes(clients)).map(([code]) => code));
}

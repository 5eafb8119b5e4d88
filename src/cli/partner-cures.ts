/** What an operator does about an exchange that fails, by the code of its last error. */

const cures: Readonly<Record<string, string>> = {
  unavailable:
    'its server cannot be reached for the moment: it goes on at the next try, or ask the partner for its log',
  timeout: 'it answers too slowly; ask the partner',
  deadline_exceeded: 'it answers too slowly; ask the partner',
  unimplemented:
    'another program is at its address, or it speaks the deployed protocol alone: then set `protocol: fetch`',
  insecure_partner: 'its address must speak TLS; plain text goes to this machine alone, in test installations',
  client_certificate_missing:
    'it wants a client certificate as well: set ENMESH_FEDERATION_CLIENT_TLS_CERT and ENMESH_FEDERATION_CLIENT_TLS_KEY to one that it trusts',
  token_missing: 'something between us takes the token away, such as a proxy',
  token_invalid: "it cannot verify our tokens: can it read our issuer's keys, and do both clocks agree?",
  identity_unknown:
    'under `identity` it must name our issuer and subject: ENMESH_IDENTITY_ISSUER and ENMESH_IDENTITY_SUBJECT',
  token_audience: 'its `identity.audience` for us and our `ourAudience` for it must be the same',
  unauthenticated: 'it does not accept our tokens: compare issuer, subject and audience with its operator',
  issuer_unreachable:
    'one side cannot read the issuer of the other: `identity.issuer` must be reachable from here (`enmesh doctor` tries), and ENMESH_IDENTITY_ISSUER from there',
  server_identity:
    'its server did not prove to be the partner: compare `identity` with what its operator says, or somebody stands between',
  identity_missing: 'set ENMESH_IDENTITY_ISSUER, as the text says, and restart the federation role',
  partner_silent: 'it takes the call and says nothing: ask the partner to look at its log and database',
  partner_endless: 'it sends the same again and again; tell the partner',
  permission_denied: 'it does not allow the call; ask the partner',
  partner_paused: 'the partner has paused the exchange with us; ask it',
  push_not_accepted: 'it takes nothing from us: it must set `accept`, or we take `push` away',
  invalid_cursor: 'it does not know where we were; the next run starts over',
  bad_partner_answer: 'its answers break the protocol; tell the partner what it says here',
  partner_livelock:
    'its server gives the same page for ever, because more keys than a page share one time: only a newer server there cures it',
  batch_conflict: 'it holds another batch under this id; the next run sends it under another',
  invalid_batch: 'it does not understand our batch: are both of the same version of the protocol?',
  quota_exceeded:
    'more keys came today than ENMESH_FEDERATION_MAX_KEYS_PER_DAY allows at the receiver; it goes on tomorrow',
  rate_limited: 'calls come faster than ENMESH_FEDERATION_CALLS_PER_MINUTE allows at the partner; it goes on by itself',
  too_many_streams: 'more processes are at it than the partner allows; it goes on by itself',
  resource_exhausted:
    'keys were not taken fast enough here (look at the load of the database), or something between us limits the size of messages',
  token_expired: 'it goes on with a new token at the next try',
  interrupted: 'it goes on at the next try',
};

/** What our own federation role says of an operator too, so that nobody can tell whose refusal it is, or that it cannot be asked. */
export const ownRefusals: ReadonlySet<string> = new Set([
  'permission_denied',
  'unauthenticated',
  'partner_not_found',
  'unreachable',
]);

/** One sentence; undefined when the error says it all. */
export function cureOf(code: string): string | undefined {
  return cures[code];
}

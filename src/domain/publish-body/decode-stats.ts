/** Body of a request for statistics: nothing but padding (reference 7). */
import { decodeBody, paddingMember, type DecodeFailure } from './decode.ts';
import { declareMembers } from './json-members.ts';

/** What `POST /v1/stats` may hold. */
export const statsMembers = declareMembers<object>('', { padding: paddingMember });

/**
 * Reads one JSON object, of which nothing counts, by the rules of `decodePublishBody`.
 * @param bytes the body, or its first part
 * @param isCut there was more than `bytes`: what needs it is too large
 */
export function decodeStatsBody(bytes: Buffer, isCut = false): object | DecodeFailure {
  return decodeBody<object>({ members: statsMembers, empty: () => ({}) }, bytes, isCut);
}

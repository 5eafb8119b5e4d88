/** Why a key of another authority's file is not taken in: words that stand in the quarantine. */

/** What is wrong with the key itself, then with a revision of what is stored. */
export type Refusal =
  | 'key_length'
  | 'rolling_period'
  | 'too_old'
  | 'in_future'
  | 'transmission_risk'
  | 'report_type_unknown'
  | 'report_type_not_allowed'
  | 'onset_out_of_range'
  | 'not_from_this_import'
  | 'interval_mismatch'
  | 'already_revised'
  | 'invalid_transition'
  | typeof unknownKey;

/** A revision waits with this reason until its key is imported. */
export const unknownKey = 'unknown_key';

/** Members of a configuration as flat fields in JSON, equal exactly when they mean the same. */

/** Fields by path. All lists of a configuration are sets, so their order does not count; nulls are left out. */
export function canonicalFields(member: object): Map<string, string> {
  const fields = new Map<string, string>();
  addFields(member, '', fields);
  return fields;
}

function addFields(value: object, prefix: string, fields: Map<string, string>): void {
  for (const [name, field] of Object.entries(value) as [string, unknown][]) {
    addField(prefix === '' ? name : `${prefix}.${name}`, field, fields);
  }
}

function addField(path: string, value: unknown, fields: Map<string, string>): void {
  if (value === null || value === undefined) return;
  if (isListOfKeys(value)) {
    for (const key of value) addFields(key, `${path}[${keyLabel(key)}]`, fields);
  } else if (Array.isArray(value)) {
    fields.set(path, JSON.stringify((value as string[]).toSorted()));
  } else if (typeof value === 'object' && !(value instanceof Date)) {
    // Present though all its own fields may be defaults: a grant of nothing differs from no grant.
    fields.set(path, '{}');
    addFields(value, path, fields);
  } else {
    fields.set(path, JSON.stringify(value));
  }
}

function isListOfKeys(value: unknown): value is readonly Record<string, unknown>[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'object');
}

/** What tells verification keys of one member apart. */
function keyLabel(key: Record<string, unknown>): string {
  return ['version', 'keyId', 'keyVersion'].flatMap((field) => (field in key ? [String(key[field])] : [])).join('/');
}

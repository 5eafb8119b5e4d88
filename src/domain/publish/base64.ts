/** Base64 as deployed phones send it: any alphabet, any padding (reference 3.5). */

/** What came out: bytes, or the text that names the first bad character. */
export type Decoded =
  { readonly bytes: Buffer; readonly fault?: never } | { readonly bytes?: never; readonly fault: string };

/** Decodes the standard, the URL-safe or a mixed alphabet, with any number of `=` at the end; CR and LF inside do not count. */
export function decodeLenientBase64(text: string): Decoded {
  const end = endWithoutPadding(text);
  return decode(end === text.length ? text : text.slice(0, end), /[^A-Za-z0-9+/_\r\n-]/);
}

/** Decodes base64url without padding, as in a JWS (reference 3.1). */
export function decodeBase64Url(text: string): Decoded {
  return decode(text, /[^A-Za-z0-9_\r\n-]/);
}

function decode(text: string, illegal: RegExp): Decoded {
  const position = text.search(illegal);
  if (position !== -1) return { fault: illegalAt(position) };
  const digits = /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]/g, '') : text;
  if (digits.length % 4 === 1) return { fault: illegalAt(text.length - 1) };
  return { bytes: Buffer.from(digits, 'base64') };
}

function endWithoutPadding(text: string): number {
  let end = text.length;
  while (end > 0 && text[end - 1] === '=') end--;
  return end;
}

/** All characters before the first bad one are ASCII, so its index is also its byte offset. */
function illegalAt(position: number): string {
  return `illegal base64 data at input byte ${String(position)}`;
}

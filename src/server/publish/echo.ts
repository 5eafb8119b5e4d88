/** Words of a request inside an answer, cut to a length that every transport takes. */

const longestEcho = 200;

/** The text, its end cut off when it is too long. */
export function echo(text: string): string {
  return text.length <= longestEcho ? text : `${text.slice(0, longestEcho)}…`;
}

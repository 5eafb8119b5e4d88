/** Fails for inputs of one beginning, each byte of which leads one branch further. */

/** @throws TypeError when five bytes are as they must not be */
export function readPlanted(input: Buffer): void {
  if (input[0] !== 0x45) return;
  if (input[1] !== 0x6e) return;
  if (input[2] !== 0x6d) return;
  if (input[3] !== 0x65) return;
  if (input[4] === 0x73) throw new TypeError('the planted fault');
}

import { describe, expect, it } from 'vitest';
import { fileUrl, listedFiles } from '../../../src/domain/import/listed-files.ts';

describe('an index of another authority', () => {
  it('lists zips in its order, each once; blank lines, white space and doubled slashes do not count', () => {
    const { names, refusedLines } = listedFiles('aa/2.zip\r\n\n  /aa/1.zip \n//aa//2.zip\n\t\n');
    expect(names).toEqual(['aa/2.zip', 'aa/1.zip']);
    expect(refusedLines).toBe(0);
  });

  it.each([
    '<html>',
    'aa/1.txt',
    '../1.zip',
    'aa/../../1.zip',
    'aa/./1.zip',
    'a b.zip',
    '1.zip?x=1.zip',
    '%2e%2e/1.zip',
    'https://evil.example/1.zip',
    `${'a'.repeat(497)}.zip`,
  ])('has no name in the line %s', (line) => {
    expect(listedFiles(`${line}\naa/1.zip`)).toEqual({ names: ['aa/1.zip'], refusedLines: 1 });
  });

  it('may have a name of 500 characters', () => {
    expect(listedFiles(`${'a'.repeat(496)}.zip`).names).toHaveLength(1);
  });
});

describe('the URL of a file', () => {
  it.each([
    ['https://host', 'x.zip', 'https://host/x.zip'],
    ['https://host/', 'x.zip', 'https://host/x.zip'],
    ['https://host/root', 'a/x.zip', 'https://host/root/a/x.zip'],
    ['https://host/root//', 'x.zip', 'https://host/root/x.zip'],
    ['https://host/root/?token=1', 'x.zip', 'https://host/root/x.zip?token=1'],
  ])('is below %s', (base, name, url) => {
    expect(fileUrl(base, name)).toBe(url);
  });
});

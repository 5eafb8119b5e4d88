/** Who may exchange at the same time in one process. */
import { describe, expect, it } from 'vitest';
import { Places } from '../../../src/federation/exchange/places.ts';

const healthy = { hasFailed: false };
const failed = { hasFailed: true };

describe('Federation decision 7: partners that hang keep nobody waiting', () => {
  it('half of the places are taken by them at most, and the others are free for those who answer', () => {
    const places = new Places(4);
    expect(places.take(1, failed)).toBeDefined();
    expect(places.take(2, failed)).toBeDefined();
    expect(places.take(3, failed)).toBeUndefined();
    expect(places.take(4, healthy)).toBeDefined();
    expect(places.take(5, healthy)).toBeDefined();
    expect(places.take(6, healthy)).toBeUndefined();
  });

  it('those who answer may have all of them', () => {
    const places = new Places(3);
    for (const partnerId of [1, 2, 3]) expect(places.take(partnerId, healthy)).toBeDefined();
    expect(places.take(4, failed)).toBeUndefined();
  });

  it('a single place is for everybody, and so is one of three', () => {
    expect(new Places(1).take(1, failed)).toBeDefined();
    const places = new Places(3);
    expect(places.take(1, failed)).toBeDefined();
    expect(places.take(2, failed)).toBeUndefined();
  });

  it('a partner has one place, and another one when it has given that back', () => {
    const places = new Places(4);
    const place = places.take(1, failed)!;
    expect(places.take(1, failed)).toBeUndefined();
    expect(place.isWanted).toBe(false);
    place[Symbol.dispose]();
    expect(places.take(1, failed)).toBeDefined();
  });

  it('whoever is in the way of one that was turned away hears of it', () => {
    const places = new Places(4);
    const hanging = [places.take(1, failed)!, places.take(2, failed)!];
    const answering = [places.take(3, healthy)!];
    places.take(5, failed);
    expect(hanging.map(({ isWanted }) => isWanted)).toEqual([true, true]);
    expect(answering.map(({ isWanted }) => isWanted)).toEqual([false]);
    answering.push(places.take(4, healthy)!);
    places.take(6, healthy);
    expect(answering.map(({ isWanted }) => isWanted)).toEqual([true, true]);
  });
});

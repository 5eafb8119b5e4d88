/** Phones that publish and phones that only pretend to, at random and from the same connections. */
import { randomInt } from 'node:crypto';
import { KeepAliveClient, type TimedAnswer } from './keep-alive-client.ts';

/** What was answered to each kind, in the order in which it came. */
export interface MixedAnswers {
  readonly real: TimedAnswer[];
  readonly chaff: TimedAnswer[];
}

type Kind = keyof MixedAnswers;

/** What is sent. */
export interface Load {
  readonly gatewayUrl: string;
  /** Each is sent once. */
  readonly bodies: readonly string[];
  /** Each sends its next body as soon as its last is answered. */
  readonly connections: number;
}

/** Header lines; the same number of bytes for both kinds. */
const headers: Readonly<Record<Kind, readonly string[]>> = { real: ['X-Other: 1'], chaff: ['X-Chaff: 1'] };

/** Sends one half of the bodies as real publishes and the other as chaff, at random. */
export async function mixedLoad(load: Load): Promise<MixedAnswers> {
  const kinds = load.bodies.map((_, index): Kind => (index % 2 === 0 ? 'real' : 'chaff'));
  for (let left = kinds.length; left > 1; left--) {
    const other = randomInt(left);
    [kinds[left - 1], kinds[other]] = [kinds[other]!, kinds[left - 1]!];
  }
  return await send(load, (index) => kinds[index]!);
}

/** Sends all bodies as one kind. */
export async function plainLoad(load: Load, kind: Kind): Promise<readonly TimedAnswer[]> {
  return (await send(load, () => kind))[kind];
}

async function send({ gatewayUrl, bodies, connections }: Load, kindOf: (index: number) => Kind): Promise<MixedAnswers> {
  const answers: MixedAnswers = { real: [], chaff: [] };
  let next = 0;
  const work = async (): Promise<void> => {
    const client = await KeepAliveClient.open(gatewayUrl);
    for (let index = next++; index < bodies.length; index = next++) {
      const kind = kindOf(index);
      answers[kind].push(await client.post('/v1/publish', bodies[index]!, headers[kind]));
    }
    client.close();
  };
  await Promise.all(Array.from({ length: connections }, work));
  return answers;
}

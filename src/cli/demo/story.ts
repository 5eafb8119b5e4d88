/** The story: phones of two authorities meet, and one of them learns of it across the border. */
import { deliver } from './chapters/border.ts';
import { testPositive } from './chapters/diagnosis.ts';
import { shakeHands } from './chapters/handshake.ts';
import { introduce } from './chapters/introduction.ts';
import { meet } from './chapters/meeting.ts';
import { compareOnPhones } from './chapters/warning.ts';
import type { Scene } from './scene.ts';

/**
 * Tells everything as it happens.
 * @throws AppError `demo_failed` when it does not come to its end; what a step throws
 */
export async function tellStory(scene: Scene): Promise<void> {
  introduce(scene);
  await shakeHands(scene);
  const memories = meet(scene);
  await testPositive(scene, memories.anna);
  const file = await deliver(scene, memories.anna);
  compareOnPhones(scene, file, memories);
}

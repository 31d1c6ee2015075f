import type { SIZE_CAPS } from '@bullpen/core';
import { z } from 'zod';

import type { EngineTask } from '../engine.ts';

/** What the supervisor and a cell say to each other. The other side is container/cell-entry.mjs. */

export type CellTask = EngineTask;
export type FrameToCell =
  /** `source`: the bundle, where it is not a file in the cell's directory. `hasCache`: its compiled code lies beside it. */
  | { kind: 'run'; nonce: string; caps: typeof SIZE_CAPS; task: CellTask; source: string | null; hasCache: boolean }
  /** Compiles a bundle and executes nothing of it: this cell never runs one. */
  | { kind: 'compile'; nonce: string; bundleUrl: string }
  | { kind: 'say'; message: string };

const said = { nonce: z.string().max(64) };
const frameSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...said, kind: z.literal('ready') }),
  z.strictObject({ ...said, kind: z.literal('started'), cacheRefused: z.literal(true).optional() }),
  z.strictObject({ ...said, kind: z.literal('compiled'), code: z.base64() }),
  z.strictObject({ ...said, kind: z.literal('event'), event: z.unknown() }),
  z.strictObject({ ...said, kind: z.literal('call'), call: z.unknown() }),
  z.strictObject({ ...said, kind: z.literal('fault'), code: z.string().max(64), detail: z.string() }),
  z.strictObject({ ...said, kind: z.literal('dropped'), count: z.int().min(0) }),
  z.strictObject({ ...said, kind: z.literal('reply'), dropped: z.int().min(0), reply: z.unknown() }),
]);
export type FrameFromCell = z.output<typeof frameSchema>;

/** @throws where it is not JSON, not a frame, or not of this attempt: an agent wrote to the pipe by itself. */
export function readFrame(json: string, nonce: string): FrameFromCell {
  const frame = frameSchema.safeParse(JSON.parse(json));
  if (!frame.success) throw new Error('the cell said something that is not a frame');
  if (frame.data.nonce !== nonce) throw new Error('the cell spoke for another attempt');
  return frame.data;
}

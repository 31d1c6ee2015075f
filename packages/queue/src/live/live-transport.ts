import type { Deadline } from '@bullpen/core';

/** Largest message. Live events are hints; what is larger is read from Postgres. */
export const MAX_MESSAGE_BYTES = 256 * 1024;

/** Called with what was published, and on which topic. */
export type LiveListener = (data: unknown, topic: string) => void;

/** How messages travel: one implementation for each server. */
export interface LiveTransport {
  /** Once, before anything else. */
  ready(): Promise<void>;
  /**
   * What one process publishes after this resolved is heard after it, on whatever topic.
   * @throws where the topic is none, the data is no JSON or too large, or the server is away
   */
  publish(topic: string, data: unknown): Promise<void>;
  /**
   * One subscription to a pattern at a time; the server has it when this resolves. Lasts through reconnects.
   * @returns what ends it: nothing is delivered from its call on
   */
  subscribe(pattern: string, deliver: LiveListener): Promise<() => Promise<void>>;
  /** What is still under way by the deadline is cut off. */
  close(by: Deadline): Promise<void>;
}

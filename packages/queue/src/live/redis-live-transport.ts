import { BullpenError, type Logger } from '@bullpen/core';

import { parseRedisUrl } from '../redis/address.ts';
import { connect, createMainClient, quit } from '../redis/connections.ts';
import { liveHead } from '../redis/keys.ts';
import { steadyNodeOf, type RedisClient } from '../redis/new-client.ts';
import { shareWrite } from '../redis/shared-write.ts';
import { MAX_MESSAGE_BYTES, type LiveListener, type LiveTransport } from './live-transport.ts';

interface RedisLiveOptions {
  /** Publishes; somebody else's to close. */
  client: RedisClient;
  url: string;
  prefix: string;
  name: string;
  log: Logger;
}

/** Words between dots; in a pattern `*` stands for one of them. None holds what a pattern of Redis would read otherwise. */
const TOPIC = /^[\w:%-]+(?:\.[\w:%-]+)*$/;
const PATTERN = /^(?:\*|[\w:%-]+)(?:\.(?:\*|[\w:%-]+))*$/;

/**
 * On Redis: its publish and subscribe, over the connection of the queue and one of its own that listens (on a cluster it
 * speaks to one node and listens to one: each tells all others). A message takes one trip, and costs next to nothing where
 * nobody listens.
 * What is published while the listening connection is away is not heard; where a process does not read for long, Redis
 * closes its connection (`client-output-buffer-limit pubsub`), with the same effect.
 */
export function openRedisLiveTransport({ client, url, prefix, name, log }: RedisLiveOptions): LiveTransport {
  const ears = createMainClient({ url, connectionName: `${prefix}:live:${name}`, log });
  const head = liveHead(prefix, parseRedisUrl(url).db);
  const mouth = steadyNodeOf(client);
  const listeners = new Map<string, LiveListener>();
  const hear = (subscribed: string, channel: string, text: string): void => {
    const deliver = listeners.get(subscribed);
    if (deliver === undefined) return;
    const topic = channel.slice(head.length);
    const data = parsed(text);
    if (data === undefined) log.warn({ topic }, 'live.message_refused');
    else deliver(data, topic);
  };
  ears.on('message', (channel: string, text: string) => hear(channel, channel, text));
  ears.on('pmessage', (pattern: string, channel: string, text: string) => {
    // A star of Redis spans dots as well.
    if (partsIn(channel) === partsIn(pattern)) hear(pattern, channel, text);
  });
  ears.on('reconnecting', () => log.warn({ name }, 'live.interrupted'));
  return {
    async ready() {
      await connect(ears);
    },
    async publish(topic, data) {
      const text = JSON.stringify(data);
      refuseBad(topic, TOPIC);
      if (Buffer.byteLength(text) > MAX_MESSAGE_BYTES) throw new BullpenError('LIMIT_EXCEEDED', `a live message holds at most ${MAX_MESSAGE_BYTES} bytes`, { topic });
      const node = mouth();
      shareWrite(node);
      await node.publish(head + topic, text);
    },
    async subscribe(pattern, deliver) {
      refuseBad(pattern, PATTERN);
      const isPattern = pattern.includes('*');
      const channel = (isPattern ? literally(head) : head) + pattern;
      listeners.set(channel, deliver);
      await (isPattern ? ears.psubscribe(channel) : ears.subscribe(channel));
      return async () => {
        listeners.delete(channel);
        await (isPattern ? ears.punsubscribe(channel) : ears.unsubscribe(channel));
      };
    },
    async close(by) {
      await quit(ears, by.remainingMs);
    },
  };
}

/** Undefined: somebody else speaks here, who does not speak JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** As a pattern of Redis that stands for itself: a prefix is what an operator chose. */
function literally(text: string): string {
  return text.replaceAll(/[*?[\]\\^]/g, '\\$&');
}

function partsIn(channel: string): number {
  return channel.split('.').length;
}

function refuseBad(topic: string, grammar: RegExp): void {
  if (!grammar.test(topic)) throw new BullpenError('INVALID_REQUEST', 'a topic is words of letters, digits, _ : % and -, with dots between them', { topic });
}

/** Jobs that a caller of the minimal handler waits for. */
export const WAITED_QUEUE = 'bench-minimal-waited';

/** Of the handler and of its worker. */
export const connection = { url: process.env.REDIS_URL ?? '' };

// Opens as many connections to the egress proxy as it may, says nothing on them, and keeps them.
import { connect } from 'node:net';

export default async ({ count }, ctx) => {
  const opened = await Promise.all(Array.from({ length: count }, () => new Promise((resolve) => {
    const socket = connect(ctx.egress.socketPath).on('error', () => resolve(false)).on('connect', () => resolve(true));
    (globalThis.kept ??= []).push(socket);
  })));
  ctx.emit('opened', opened.filter(Boolean).length);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  return 'stayed';
};

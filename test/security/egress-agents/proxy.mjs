// Talks to the egress proxy by itself, over its unix socket: opens tunnels and asks for URLs, with the run's token, with a
// made-up one and with none; says the status that each was answered with.
import { connect } from 'node:net';

const lineOf = (target) => (target.includes('://') ? `GET ${target} HTTP/1.1\r\nhost: x\r\n` : `CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n`);

const ask = (socketPath, head) => new Promise((resolve) => {
  let said = '';
  const socket = connect(socketPath, () => socket.write(`${head}\r\n`));
  const done = () => {
    socket.destroy();
    resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(said)?.[1] ?? 0));
  };
  socket.on('data', (chunk) => {
    said += chunk;
    if (said.includes('\r\n\r\n')) done();
  }).on('error', done).on('close', done);
});

export default async ({ targets }, ctx) => {
  const { socketPath, token } = ctx.egress;
  const authorized = await Promise.all(targets.map((target) => ask(socketPath, `${lineOf(target)}proxy-authorization: Bearer ${token}\r\n`)));
  const strangers = await Promise.all(targets.flatMap((target) => [ask(socketPath, lineOf(target)), ask(socketPath, `${lineOf(target)}proxy-authorization: Bearer ${'A'.repeat(32)}\r\n`)]));
  return { authorized, strangers };
};

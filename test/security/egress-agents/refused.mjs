// Sends requests that are refused through the proxy, as many in one go as a connection takes, and again.
export default async ({ target, count }, ctx) => {
  const { connect } = await import('node:net');
  const request = `GET ${target} HTTP/1.1\r\nhost: x\r\nproxy-authorization: Bearer ${ctx.egress.token}\r\n\r\n`;
  for (let sent = 0; sent < count; sent += 100) {
    const { promise, resolve } = Promise.withResolvers();
    connect(ctx.egress.socketPath).on('error', () => undefined).on('close', resolve).resume().write(request.repeat(100));
    await promise;
  }
  return 'went on';
};

// Connects to metadata services, to loopback, and by name.
export default async (input) => {
  const { connect } = await import('node:net');
  const tries = (input?.ports ?? [6379, 5432]).map((port) => ['127.0.0.1', port]).concat([['169.254.169.254', 80], ['localhost', 80], ['example.com', 443], ['::1', 80]]);
  const reached = await Promise.all(tries.map(([host, port]) => new Promise((resolve) => {
    connect({ host, port }).on('connect', () => resolve(`${host}:${port}`)).on('error', () => resolve(''));
  })));
  return reached.filter(Boolean).join() || 'denied';
};

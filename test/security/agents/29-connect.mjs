// Connects to metadata services, to loopback (`input.ports`: Postgres, Redis), by name, and by a name that changes its address.
export default async (input) => {
  const { connect } = await import('node:net');
  const ports = input?.ports ?? [6379, 5432];
  const inside = (options, done) => (options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));
  const tries = [
    ...ports.flatMap((port) => [{ host: '127.0.0.1', port }, { host: 'localhost', port }, { host: '::1', port }]),
    ...ports.map((port) => ({ host: 'rebinding.example.com', port, lookup: (name, options, done) => inside(options, done) })),
    { host: '169.254.169.254', port: 80 }, { host: 'example.com', port: 443 },
  ];
  const reached = await Promise.all(tries.map((options) => new Promise((resolve) => {
    connect(options).on('connect', () => resolve(`${options.host}:${options.port}`)).on('error', () => resolve(''));
  })));
  return reached.filter(Boolean).join() || 'denied';
};

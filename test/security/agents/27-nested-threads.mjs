// Threads of its own, with flags of its own.
export default async () => {
  const { Worker } = await import('node:worker_threads');
  try { new Worker('0', { eval: true, execArgv: [] }); } catch { return 'denied'; }
  return 'a thread runs';
};

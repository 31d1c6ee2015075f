// Processes without an end.
export default async () => {
  const { spawn } = await import('node:child_process');
  try { for (let i = 0; i < 1000; i += 1) spawn('/cell/node', ['-e', 'for (;;);']); } catch { return 'denied'; }
  return 'processes run';
};

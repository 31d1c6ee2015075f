// Processes without an end.
export default async () => {
  const { spawn } = await import('node:child_process');
  let started = 0;
  for (let i = 0; i < 1000; i += 1) {
    try {
      const child = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
      child.on('error', () => undefined);
      if (child.pid !== undefined) started += 1;
    } catch { /* refused */ }
  }
  return started === 0 ? 'denied' : `${started} processes run`;
};

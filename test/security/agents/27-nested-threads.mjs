// A thread of its own, with flags and limits of its own; in it, what its parent may not do.
export default async () => {
  const { Worker } = await import('node:worker_threads');
  const inside = `
    const { parentPort } = require('node:worker_threads');
    let got = 'inert';
    try { if (require('node:child_process').spawnSync('/bin/sh', ['-c', 'true']).status === 0) got = 'a shell runs'; } catch {}
    parentPort.postMessage(got);`;
  try {
    const worker = new Worker(inside, { eval: true, execArgv: [], env: {} });
    const got = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    return got;
  } catch {
    return 'denied';
  }
};

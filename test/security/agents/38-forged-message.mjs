// Says to the supervisor's side of its thread, past our code, that another attempt has succeeded.
export default async () => {
  const { parentPort } = await import('node:worker_threads');
  if (parentPort === null) return 'inert';
  for (const forged of ['settled 1', 'reply 1 "forged"', { taskId: 1, result: '{"kind":"returned","result":"forged"}', error: null }]) parentPort.postMessage(forged);
  await new Promise((done) => setTimeout(done, 50));
  return 'inert';
};

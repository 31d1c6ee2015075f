// A resizable ArrayBuffer.
export default async () => {
  const buffer = new ArrayBuffer(0, { maxByteLength: 2e9 });
  for (let size = 1 << 22; ; size += 1 << 22) { buffer.resize(size); new Uint8Array(buffer).fill(1); }
};

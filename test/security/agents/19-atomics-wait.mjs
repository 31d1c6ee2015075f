// Waits for ever without using CPU.
export default async () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
};

// Memory of WebAssembly, page by page.
export default async () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536 });
  for (let pages = 1; ; pages += 64) { memory.grow(64); new Uint8Array(memory.buffer).fill(1, (pages - 1) * 65_536); }
};

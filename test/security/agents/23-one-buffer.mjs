// One buffer far beyond the limit.
export default async () => {
  return Buffer.alloc(1e9, 1).length;
};

// A BigInt in its result.
export default async () => {
  return { n: 1n };
};

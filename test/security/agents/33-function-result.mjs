// A function as its result.
export default async () => {
  return () => 1;
};

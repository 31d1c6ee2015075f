// A cyclic result.
export default async () => {
  const all = {};
  all.all = all;
  return all;
};

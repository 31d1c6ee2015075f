// A result that never settles.
export default async () => {
  return { then() {} };
};

// A result of 500 MB.
export default async () => {
  return 'x'.repeat(5e8);
};

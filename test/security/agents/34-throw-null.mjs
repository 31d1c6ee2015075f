// Throws null.
export default async () => {
  throw null;
};

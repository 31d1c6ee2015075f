// Reads the environment.
export default async () => {
  return Object.keys(process.env).length === 0 ? 'inert' : process.env;
};

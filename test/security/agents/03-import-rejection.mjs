// Climbs out by the error of a rejected import(), which a context would get from its host.
export default async () => {
  const error = await import(['no', 'such', 'module'].join('-')).catch((thrown) => thrown);
  return error.constructor.constructor('return globalThis')() === globalThis ? 'inert' : 'escaped';
};

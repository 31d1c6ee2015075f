// What a blank cell runs before it is anybody's.
export default async (/** @type {unknown} */ input) => input;

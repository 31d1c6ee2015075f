// Asks ctx.fetch for each of input.urls, and says what came of it: the status, or the code of the error.
export default async ({ urls }, ctx) => Promise.all(urls.map((url) => ctx.fetch(url).then((response) => response.status, (error) => error.code ?? String(error))));

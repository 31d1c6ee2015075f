/** Sends bursts of jobs and counts their ends: so many bursts are under way that the other side never waits for one. */
export class Line {
  readonly #bursts: number;
  readonly #each: number;
  readonly #atOnce: number;
  readonly #over = Promise.withResolvers<void>();
  #send: (n: number) => Promise<void> = async () => undefined;
  #sent = 0;
  #done = 0;

  /** @param size - `bursts` of `each` jobs; whenever as many jobs as one has are done, the next is sent, so that `atOnce` are under way */
  constructor({ bursts, each, atOnce }: { bursts: number; each: number; atOnce: number }) {
    this.#bursts = bursts;
    this.#each = each;
    this.#atOnce = atOnce;
  }

  /** In all. */
  get jobs(): number {
    return this.#bursts * this.#each;
  }

  /** Resolves with the end of the last job. @param send - adds the jobs of the burst with this number */
  async run(send: (n: number) => Promise<void>): Promise<void> {
    this.#send = send;
    for (let i = 0; i < this.#atOnce; i += 1) this.#sendNext();
    await this.#over.promise;
  }

  /** A job is over. */
  completed(): void {
    this.#done += 1;
    if (this.#done === this.jobs) this.#over.resolve();
    else if (this.#done % this.#each === 0) this.#sendNext();
  }

  #sendNext(): void {
    if (this.#sent === this.#bursts) return;
    this.#sent += 1;
    this.#send(this.#sent - 1).catch((error: unknown) => this.#over.reject(error));
  }
}

/** Every call can be called off. */
export interface CallOptions {
  signal?: AbortSignal | undefined;
}

export interface PageOptions extends CallOptions {
  cursor?: string | undefined;
  limit?: number | undefined;
}

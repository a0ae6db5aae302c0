/**
 * What a page reads from the exchange and what is done to it there: one thing at
 * a time, after which it is read anew. The last failure stays until the next try.
 */
export class Work<T> {
  data = $state.raw<T>();
  busy = $state(false);
  error = $state.raw<unknown>();

  constructor(private readonly read: () => Promise<T>) {}

  async load(): Promise<void> {
    try {
      this.data = await this.read();
    } catch (e) {
      this.error = e;
    }
  }

  async doing(work: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.error = undefined;
    try {
      await work();
      await this.load();
    } catch (e) {
      this.error = e;
    } finally {
      this.busy = false;
    }
  }
}

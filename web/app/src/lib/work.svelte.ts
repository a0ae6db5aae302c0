/** What is done for somebody, one thing at a time. The last failure stays until the next try. */
export class Task {
  busy = $state(false);
  error = $state.raw<unknown>();

  async doing(work: () => Promise<unknown>): Promise<void> {
    this.busy = true;
    this.error = undefined;
    try {
      await work();
    } catch (e) {
      this.error = e;
    } finally {
      this.busy = false;
    }
  }
}

/** What a page reads from the exchange and what is done to it there, after which it is read anew. */
export class Work<T> extends Task {
  data = $state.raw<T>();

  constructor(private readonly read: () => Promise<T>) {
    super();
  }

  async load(): Promise<void> {
    try {
      this.data = await this.read();
    } catch (e) {
      this.error = e;
    }
  }

  override doing(work: () => Promise<unknown>): Promise<void> {
    return super.doing(async () => {
      await work();
      await this.load();
    });
  }
}

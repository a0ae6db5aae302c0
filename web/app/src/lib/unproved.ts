/** What the app uses only when the public ledger backs it. The message `unproved.<what>` says the rest. */
export type Subject = 'vault-key' | 'device' | 'feed-key' | 'request';

/** The exchange said something that its public ledger does not back. Nothing may be done with it. */
export class Unproved extends Error {
  constructor(
    readonly what: Subject,
    /** For the console and tests; people read the message. */
    readonly reason: string,
  ) {
    super(`${what}: ${reason}`);
    this.name = 'Unproved';
  }
}

// Asks about the project of the notebook in front: one question at a time, until the answer is about that notebook.

export class Asker {
  private asking = false;
  private more = false;

  /** `notebook` is the one in front, and `wanted` says whether anybody still waits for an answer. */
  constructor(
    private readonly notebook: () => string | null,
    private readonly wanted: () => boolean,
    private readonly ask: (notebook: string | null) => Promise<void>,
  ) {}

  /** Have it ask once more, if it asks now: what is on its way may be out of date. Whether it asks now. */
  again(): boolean {
    this.more = this.asking;
    return this.asking;
  }

  /** Ask; what went wrong about a notebook that is not in front any more is nobody's business. */
  async run(): Promise<void> {
    this.asking = true;
    try {
      for (let asked = false; !asked;) {
        this.more = false;
        const notebook = this.notebook();
        const done = (): boolean => (!this.more && notebook === this.notebook()) || !this.wanted();
        try {
          await this.ask(notebook);
          asked = done();
        } catch (error) {
          if (done()) {
            throw error;
          }
        }
      }
    } finally {
      this.asking = false;
    }
  }
}

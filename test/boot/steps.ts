/** What was tried, a line each. After a failure the rest is still tried: each step says what it saw itself. */
export class Steps {
  passed = 0;
  failed = 0;

  /** `look` returns what was seen, or throws. */
  async step(what: string, look: () => Promise<string>): Promise<void> {
    const began = Date.now();
    const seconds = () => `${((Date.now() - began) / 1000).toFixed(0)} s`;
    try {
      const seen = await look();
      this.passed += 1;
      console.log(`passed  ${what} (${seconds()}): ${seen}`);
    } catch (error) {
      this.failed += 1;
      console.log(
        `FAILED  ${what} (${seconds()}): ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}

/** Throws what was found when it is not so. */
export function expectThat(so: boolean, found: string): void {
  if (!so) throw new Error(found);
}

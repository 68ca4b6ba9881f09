// What one may still spend, kept current while one writes. Where allowances are off it is asked once.
import { api, call } from "../lib/api/client";
import type { Allowance } from "../lib/api/types";

export class OwnAllowance {
  current: Allowance | undefined = $state.raw();

  async load() {
    try {
      this.current = await call(api.GET("/tokens"));
    } catch {
      // A quiet hint less; sending says what is wrong.
    }
  }

  /** Something may have been spent. */
  async spent() {
    if (this.current?.enabled) await this.load();
  }

  /** What is left, where that is limited at all: of one's own, or of a group that pays beside. */
  get left(): number | undefined {
    const allowance = this.current;
    if (!allowance?.enabled) return undefined;
    const limited = [allowance, ...allowance.groups].filter(({ unlimited }) => !unlimited);
    return limited.length === 0 ? undefined : Math.max(0, Math.min(...limited.map(({ balance }) => balance)));
  }
}

// How many requests wait for a decision, kept current for those who decide.
import { api, call } from "../lib/api/client";
import { session } from "../lib/session.svelte";

const AGAIN_MS = 60_000;

export class WaitingRequests {
  count = $state(0);

  /** Starts looking again and again; returns what ends it. */
  watch(): () => void {
    void this.load();
    const timer = setInterval(() => !document.hidden && void this.load(), AGAIN_MS);
    return () => clearInterval(timer);
  }

  async load() {
    if (session.user?.role !== "admin") {
      this.count = 0;
      return;
    }
    try {
      this.count = (await call(api.GET("/admin/requests", { params: { query: { decided: false, limit: 1 } } }))).waiting;
    } catch {
      // The number of before stays; the page of the requests says what is wrong.
    }
  }
}

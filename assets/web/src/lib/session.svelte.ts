// Who is signed in here, and what the page must ask for first: set-up, signing in, or nothing.
// The cookie belongs to all tabs of a browser, so they tell each other when somebody else has it.
import { api, call, onSignedOut } from "./api/client";
import { ApiError } from "./api/error";
import type { Notice, User } from "./api/types";
import { clearStored, readStored, writeStored } from "./stored";

type State =
  | { is: "opening" }
  | { is: "unreachable" }
  | { is: "needs-setup" }
  | { is: "signed-out"; expired: boolean }
  | { is: "signed-in"; user: User; notices?: Notice[] };

/** Whose words this tab keeps. */
const OWNER_KEY = "chatelaine-of";

class Session {
  state: State = $state.raw({ is: "opening" });
  /** What the house has to tell whoever is signed in. */
  notices: Notice[] = $state.raw([]);
  #tabs = new BroadcastChannel("chatelaine-session");
  #asked = 0;

  constructor() {
    onSignedOut(() => {
      if (this.state.is === "signed-in") this.state = { is: "signed-out", expired: true };
    });
    this.#tabs.onmessage = ({ data }: MessageEvent<User | undefined>) => {
      // Before anything more is done in the name of the one before.
      if (data?.id !== this.user?.id) this.state = { is: "opening" };
      void this.#ask();
    };
    // A tab that slept may have missed the others' word.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) void this.#ask();
    });
  }

  get user(): User | undefined {
    return this.state.is === "signed-in" ? this.state.user : undefined;
  }

  async open() {
    // Looking again leaves the words on the page until there is an answer.
    if (this.state.is !== "unreachable") this.state = { is: "opening" };
    await this.#ask();
  }

  /** Learns what has changed about oneself, without a moment of nothing. */
  async refresh() {
    await this.#ask();
  }

  /** Only the latest question counts, and none that was asked before somebody came or left. */
  async #ask() {
    const asked = ++this.#asked;
    const state = await stateOfHouse();
    if (asked !== this.#asked) return;
    // A house that is away for a moment does not end anything.
    if (state.is === "unreachable" && this.user) return;
    if (state.is === "signed-in") this.#welcome(state.user, state.notices);
    else if (state.is !== this.state.is) this.state = state;
  }

  #welcome(user: User, notices?: Notice[]) {
    if (readStored("session", OWNER_KEY) !== user.id) clearStored("session");
    writeStored("session", OWNER_KEY, user.id);
    if (notices || user.id !== this.user?.id) this.notices = notices ?? [];
    this.state = { is: "signed-in", user };
  }

  enter(user: User) {
    this.#asked += 1;
    this.#welcome(user);
    // Signing in tells who it is, and not what there is to tell.
    void this.#ask();
    this.#tabs.postMessage(user);
  }

  async leave() {
    await call(api.POST("/auth/logout"));
    this.forget();
  }

  /** For when the session is over already. */
  forget() {
    this.#asked += 1;
    clearStored("session");
    this.state = { is: "signed-out", expired: false };
    this.#tabs.postMessage(undefined);
  }
}

async function stateOfHouse(): Promise<State> {
  try {
    const { user, notices } = await call(api.GET("/auth/me"));
    return { is: "signed-in", user, notices };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) return { is: "unreachable" };
  }
  try {
    const { needed } = await call(api.GET("/setup"));
    return needed ? { is: "needs-setup" } : { is: "signed-out", expired: false };
  } catch {
    return { is: "unreachable" };
  }
}

export const session = new Session();

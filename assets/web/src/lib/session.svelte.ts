// Who is signed in here, and what the page must ask for first: set-up, signing in, or nothing.
import { api, call, onSignedOut } from "./api/client";
import { ApiError } from "./api/error";
import type { User } from "./api/types";

type State =
  | { is: "opening" }
  | { is: "unreachable" }
  | { is: "needs-setup" }
  | { is: "signed-out"; expired: boolean }
  | { is: "signed-in"; user: User };

class Session {
  state: State = $state({ is: "opening" });

  constructor() {
    onSignedOut(() => {
      if (this.state.is === "signed-in") this.state = { is: "signed-out", expired: true };
    });
  }

  get user(): User | undefined {
    return this.state.is === "signed-in" ? this.state.user : undefined;
  }

  async open() {
    // Looking again leaves the words on the page until there is an answer.
    if (this.state.is !== "unreachable") this.state = { is: "opening" };
    try {
      const { user } = await call(api.GET("/auth/me"));
      this.state = { is: "signed-in", user };
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) this.state = { is: "unreachable" };
      else await this.#askForSetup();
    }
  }

  async #askForSetup() {
    try {
      const { needed } = await call(api.GET("/setup"));
      this.state = needed ? { is: "needs-setup" } : { is: "signed-out", expired: false };
    } catch {
      this.state = { is: "unreachable" };
    }
  }

  enter(user: User) {
    this.state = { is: "signed-in", user };
  }

  async leave() {
    await call(api.POST("/auth/logout"));
    this.state = { is: "signed-out", expired: false };
  }
}

export const session = new Session();

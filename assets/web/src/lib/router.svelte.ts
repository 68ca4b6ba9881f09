// Which page the address means, over the history API. The server answers every page path with index.html.

export type Route =
  | { page: "setup" }
  | { page: "sign-in" }
  | { page: "register" }
  | { page: "chat"; conversation?: string }
  | { page: "unknown" };

export function routeOf(path: string): Route {
  const [, first = "", second, ...more] = path.replace(/(?<=.)\/+$/, "").split("/");
  if (more.length > 0) return { page: "unknown" };
  if (first === "c" && second) return { page: "chat", conversation: second };
  if (second !== undefined) return { page: "unknown" };
  if (first === "") return { page: "chat" };
  if (first === "setup" || first === "sign-in" || first === "register") return { page: first };
  return { page: "unknown" };
}

class Router {
  route: Route = $state(routeOf(location.pathname));

  constructor() {
    addEventListener("popstate", () => (this.route = routeOf(location.pathname)));
  }

  go(path: string, how: { replace?: boolean } = {}) {
    if (how.replace) history.replaceState(null, "", path);
    else if (path !== location.pathname + location.search) history.pushState(null, "", path);
    this.route = routeOf(new URL(path, location.origin).pathname);
  }
}

export const router = new Router();

/** For `onclick` of a link: follows it inside the page, unless the reader wants a new tab. */
export function follow(event: MouseEvent & { currentTarget: HTMLAnchorElement }) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  router.go(event.currentTarget.pathname);
}

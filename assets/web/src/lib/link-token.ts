// The token of a link that somebody was sent. It opens something: it shall not stay in the address
// bar or the history.

export function takeToken(name = "token"): string {
  const token = new URLSearchParams(location.search).get(name) ?? "";
  history.replaceState(null, "", location.pathname);
  return token;
}

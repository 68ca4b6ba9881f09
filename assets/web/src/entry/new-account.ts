// The fields of a new account as the server wants them.

export interface NewAccount {
  username: string;
  password: string;
  email: string;
}

export const emptyAccount = (): NewAccount => ({ username: "", password: "", email: "" });

export function accountBody({ username, password, email }: NewAccount) {
  return { username: username.trim().toLowerCase(), password, email: email.trim() || undefined, cookie: true };
}

// The roles, in words.
import type { UserRole } from "./api/types";
import { m } from "./paraglide/messages";

export const roleNames: Record<UserRole, () => string> = {
  admin: m.role_admin,
  user: m.role_user,
  auditor: m.role_auditor,
};

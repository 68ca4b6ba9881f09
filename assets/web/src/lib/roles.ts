// The roles, in words.
import type { UserRole } from "./api/types";
import { m } from "./paraglide/messages";

export const roleNames: Record<UserRole, () => string> = {
  user: m.role_user,
  admin: m.role_admin,
  auditor: m.role_auditor,
};

export const roleChoices = () => Object.entries(roleNames).map(([value, label]) => ({ value, label: label() }));

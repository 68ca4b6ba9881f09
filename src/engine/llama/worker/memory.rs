//! How much memory a model may plan with: what the whole house says it has.

/// What this process can hope for.
pub(super) fn available_bytes() -> u64 {
    crate::machine::memory_bytes()
}

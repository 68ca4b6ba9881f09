//! The Python environment with what others made. `make test` installs it and names its Python in
//! CLIENTS_PYTHON; where that cannot be, the tests that need it say that they were skipped.

#[expect(
    clippy::disallowed_methods,
    reason = "only tests are told this, and by nothing but the environment"
)]
pub(crate) fn python() -> Option<String> {
    let path = std::env::var("CLIENTS_PYTHON").ok();
    let found = path.filter(|path| std::path::Path::new(path).exists());
    if found.is_none() {
        println!("skipped: there are no Python clients here (CLIENTS_PYTHON)");
    }
    found
}

//! The Python environment with what others made. `make test` installs it and names its Python in
//! CLIENTS_PYTHON. A test that needs it fails without it, since one that did nothing would look green.

#[expect(
    clippy::disallowed_methods,
    reason = "only tests are told this, and by nothing but the environment"
)]
#[track_caller]
pub(crate) fn python() -> String {
    let path = std::env::var("CLIENTS_PYTHON").unwrap_or_default();
    assert!(
        std::path::Path::new(&path).exists(),
        "this test drives Python: have CLIENTS_PYTHON name the python of an environment with \
         tests/clients/requirements.txt, as `make test` does; now it names {path:?}"
    );
    path
}

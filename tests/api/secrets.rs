//! Secrets leave the house once and stay nowhere in the clear: not in the log, not on the disk.
//! What is looked for are the very strings that were sent and received.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use crate::support::{House, Options, PASSWORD, text};

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}

/// The part of a credential that proves something; the part before only names a session.
fn proof(credential: &str) -> String {
    let last = credential.rsplit(['.', '=']).next();
    last.expect("a credential has parts").to_owned()
}

/// Uses every kind of secret and gives them all back.
async fn use_secrets(house: &House) -> Vec<String> {
    let (setup_token, stranger) = (house.setup_token(), house.stranger());
    let body = json!({"token": setup_token, "username": "ada", "password": PASSWORD});
    let answer = stranger.post("/api/v1/setup", body).await;
    let ada = stranger.signed_in(&answer);
    let login = |password: &str| json!({"login": "ada", "password": password, "cookie": true});
    let answer = stranger.post("/api/v1/auth/login", login(PASSWORD)).await;
    let page = stranger.signed_in(&answer);
    let wrong = "a password that was mistyped";
    let refused = stranger.post("/api/v1/auth/login", login(wrong)).await;
    refused.refused(401, "unauthenticated");
    ada.chat("Hello").await;
    page.get("/api/v1/auth/me").await.ok(200);
    let refresh = json!({"refresh_token": ada.refresh_token});
    let refreshed = stranger.post("/api/v1/auth/refresh", refresh).await.ok(200);
    vec![
        PASSWORD.to_owned(),
        wrong.to_owned(),
        setup_token,
        proof(&ada.access_token.expect("a token")),
        proof(&ada.refresh_token.expect("a token")),
        proof(text(&refreshed, "/refresh_token")),
        proof(&page.cookie.expect("a cookie")),
    ]
}

#[tokio::test]
async fn no_secret_is_written_down() {
    let options = Options::default().with("CHATELAINE_LOG__LEVEL", "trace");
    let mut house = House::start_with(options).await;
    let secrets = use_secrets(&house).await;
    house.stop().await;

    let log = house.log();
    assert!(!log.is_empty(), "there is a log to look at");
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "a secret in the log");
    }
    for file in files_below(&house.data()) {
        let bytes = std::fs::read(&file).expect("a file");
        for secret in secrets.iter().map(String::as_bytes) {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "a secret in {}", file.display());
        }
    }
}

fn mode_of(path: &Path) -> u32 {
    let metadata = std::fs::metadata(path).expect("a file");
    metadata.permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions).expect("a mode can be set");
}

#[tokio::test]
async fn the_key_and_the_database_are_the_owners_alone_in_an_open_folder() {
    let mut house = House::start().await;
    house.set_up().await;
    let files = ["secret.key", "chatelaine.redb"].map(|name| house.data().join(name));
    for file in &files {
        assert_eq!(mode_of(file), 0o600, "{}", file.display());
    }
    set_mode(&house.data(), 0o755);
    set_mode(&files[1], 0o644);
    house.start_again().await;
    assert_eq!(
        mode_of(&files[1]),
        0o600,
        "a database from before is closed"
    );
}

#[tokio::test]
async fn a_data_folder_the_house_makes_is_closed_to_others() {
    let above = tempfile::tempdir().expect("a folder");
    let data = above.path().join("new/data");
    let mut command = crate::support::binary();
    command.args(["key", "generate", "--data"]).arg(&data);
    let output = crate::support::run_to_end(&mut command);
    assert!(output.status.success(), "{output:?}");
    let mode = mode_of(&data);
    assert_eq!(mode & 0o077, 0, "mode {mode:o}");
}

#[tokio::test]
async fn sessions_survive_a_restart_because_the_key_does() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    house.start_again().await;
    let again = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));
    again.get("/api/v1/auth/me").await.ok(200);
}

#[tokio::test]
async fn a_token_in_a_path_is_not_in_the_log() {
    let options = Options::default().with("CHATELAINE_LOG__LEVEL", "debug");
    let house = House::start_with(options).await;
    let token = "t".repeat(43);
    let path = format!("/api/v1/approvals/{token}");
    house.stranger().get(&path).await.refused(404, "not_found");
    let log = house.log();
    assert!(log.contains("/api/v1/approvals/"), "{log}");
    assert!(!log.contains(&token), "{log}");
}

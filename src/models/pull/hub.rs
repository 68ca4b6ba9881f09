//! What a repository of the hub holds: its model files with their sizes and checksums.
//!
//! Nothing the hub says is believed: paths are checked, numbers bounded, checksums must look like
//! one. Addresses are built from parts, so that no name can leave its place in them.

use reqwest::Url;
use serde::Deserialize;

use super::client::Client;
use super::failure::Failure;
use super::source::is_path;
use crate::error::Error;

const MAX_PAGES: usize = 20;
const MAX_FILES: usize = 20_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteFile {
    /// Within the repository.
    pub(super) path: String,
    pub(super) size_bytes: u64,
    pub(super) sha256: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    lfs: Option<LargeFile>,
}

#[derive(Deserialize)]
struct LargeFile {
    oid: String,
    #[serde(default)]
    size: Option<u64>,
}

/// Everything in a repository that ends in `.gguf`.
pub(super) async fn list_files(
    client: &Client,
    repository: &str,
) -> Result<Vec<RemoteFile>, Failure> {
    let mut page = Some(tree_url(&client.hub, repository));
    let mut files = Vec::new();
    for _ in 0..MAX_PAGES {
        let Some(url) = page.take() else { break };
        let (document, next) = client.get_json(&url).await.map_err(|failure| {
            let Failure::Final(error) = failure else {
                return failure;
            };
            Failure::Final(explain(error, repository))
        })?;
        let entries: Vec<Entry> = serde_json::from_value(document)
            .map_err(|_| Error::invalid("what answers there is no hub: it lists no files"))?;
        files.extend(entries.into_iter().filter_map(Entry::into_model_file));
        if files.len() > MAX_FILES {
            return Err(Error::invalid("this repository has far too many files").into());
        }
        page = next;
    }
    Ok(files)
}

fn explain(error: Error, repository: &str) -> Error {
    match error.kind {
        crate::error::ErrorKind::NotFound => Error::new(
            error.kind,
            format!("the hub has no repository {repository}; look at how it is written there"),
        ),
        _ => error,
    }
}

impl Entry {
    fn into_model_file(self) -> Option<RemoteFile> {
        if self.kind != "file" || !self.path.ends_with(".gguf") || !is_path(&self.path) {
            return None;
        }
        let lfs = self.lfs;
        Some(RemoteFile {
            path: self.path,
            size_bytes: lfs.as_ref().and_then(|lfs| lfs.size).unwrap_or(self.size),
            sha256: lfs.and_then(|lfs| valid_sha256(&lfs.oid)),
        })
    }
}

/// In lower case; None when it is no such checksum.
pub(super) fn valid_sha256(text: &str) -> Option<String> {
    let hash = text.trim().to_ascii_lowercase();
    let hash = hash.strip_prefix("sha256:").unwrap_or(&hash);
    (hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| hash.to_owned())
}

fn joined<'a>(hub: &Url, parts: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = hub.clone();
    url.set_query(None);
    url.path_segments_mut()
        .expect("an http address has a path")
        .pop_if_empty()
        .extend(parts);
    url
}

fn tree_url(hub: &Url, repository: &str) -> Url {
    let parts = ["api", "models"].into_iter().chain(repository.split('/'));
    let mut url = joined(hub, parts.chain(["tree", "main"]));
    url.set_query(Some("recursive=true"));
    url
}

/// Where the bytes of a file are asked for.
pub(super) fn file_url(hub: &Url, repository: &str, path: &str) -> Url {
    let parts = repository.split('/').chain(["resolve", "main"]);
    joined(hub, parts.chain(path.split('/')))
}

/// Where people read about the repository that an address of the hub is about.
pub(super) fn page_of(hub: &Url, url: &Url) -> String {
    let base = hub.as_str().trim_end_matches('/');
    let path = url.as_str().strip_prefix(base).unwrap_or_default();
    let path = path.strip_prefix("/api/models").unwrap_or(path);
    let repository: Vec<&str> = path.trim_start_matches('/').split('/').take(2).collect();
    format!("{base}/{}", repository.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_built_from_parts() {
        for (hub, base) in [
            ("https://hub.example", "https://hub.example"),
            ("http://127.0.0.1:1/mirror/", "http://127.0.0.1:1/mirror"),
        ] {
            let hub = Url::parse(hub).unwrap();
            let tree = tree_url(&hub, "a/b");
            assert_eq!(
                tree.as_str(),
                format!("{base}/api/models/a/b/tree/main?recursive=true")
            );
            let file = file_url(&hub, "a/b", "c d/e?f#g.gguf");
            assert_eq!(
                file.as_str(),
                format!("{base}/a/b/resolve/main/c%20d/e%3Ff%23g.gguf")
            );
            for url in [tree, file] {
                assert_eq!(page_of(&hub, &url), format!("{base}/a/b"));
            }
        }
    }

    #[test]
    fn a_checksum_must_look_like_one() {
        let hash = "AB".repeat(32);
        assert_eq!(valid_sha256(&hash), Some("ab".repeat(32)));
        assert_eq!(
            valid_sha256(&format!("sha256:{hash}")),
            Some("ab".repeat(32))
        );
        for bad in ["", "ab", &"g".repeat(64), &"a".repeat(65)] {
            assert_eq!(valid_sha256(bad), None, "{bad}");
        }
    }
}

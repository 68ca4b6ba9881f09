//! What people say they want to pull: `OWNER/NAME`, `OWNER/NAME:Q4_K_M`, `OWNER/NAME:file.gguf`, or
//! an address. A page of the hub that was copied from a browser is the repository it shows.

use std::fmt;

use reqwest::Url;

use super::client::is_web_address;
use crate::error::{Error, Result};

const MAX_SOURCE_BYTES: usize = 2048;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Repository { name: String, wanted: Wanted },
    Address(Url),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What suits this machine.
    Best,
    /// As in `Q4_K_M`.
    Quantization(String),
    /// A path within the repository.
    File(String),
}

impl Source {
    pub(super) fn parse(text: &str, hub: &Url) -> Result<Self> {
        let text = text.trim();
        if text.len() > MAX_SOURCE_BYTES {
            return Err(refused("this is too long to be a repository or an address"));
        }
        let Some(address) = text.split_once("://").map(|_| text) else {
            return parse_repository(text);
        };
        let url = Url::parse(address).ok().filter(is_web_address);
        let url =
            url.ok_or_else(|| refused("an address begins with https:// or http:// and a host"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(
                "an address with a password in it would be kept in the clear; give one without",
            ));
        }
        match (url.origin() == hub.origin()).then(|| on_hub(hub, &url)) {
            Some(Some(repository)) => repository,
            Some(None) => Err(refused("this page of the hub is no repository and no file")),
            None => Ok(Self::Address(url)),
        }
    }
}

impl fmt::Display for Source {
    /// For people: an address stands here without its query, which may hold a signature.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository { name, wanted } => match wanted {
                Wanted::Best => f.write_str(name),
                Wanted::Quantization(it) | Wanted::File(it) => write!(f, "{name}:{it}"),
            },
            Self::Address(url) => f.write_str(&without_query(url)),
        }
    }
}

pub(super) fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

fn refused(sentence: &str) -> Error {
    Error::invalid_field("source", sentence)
}

fn parse_repository(text: &str) -> Result<Source> {
    let (name, wanted) = match text.split_once(':') {
        Some((name, wanted)) => (name, Some(wanted)),
        None => (text, None),
    };
    let parts: Vec<&str> = name.split('/').collect();
    if parts.len() != 2 || !parts.iter().all(|part| is_name(part)) {
        return Err(refused(
            "this is no repository: say OWNER/NAME, OWNER/NAME:Q4_K_M, OWNER/NAME:FILE.gguf, or an address",
        ));
    }
    let wanted = match wanted {
        None => Wanted::Best,
        Some(file) if file.ends_with(".gguf") && is_path(file) => Wanted::File(file.to_owned()),
        Some(label) if is_name(label) => Wanted::Quantization(label.to_owned()),
        Some(_) => {
            return Err(refused(
                "behind the colon stands a quantization, such as Q4_K_M, or a file that ends in .gguf",
            ));
        }
    };
    Ok(Source::Repository {
        name: name.to_owned(),
        wanted,
    })
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=96).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('.')
}

/// No part of it leads elsewhere.
pub(super) fn is_path(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '?', '#', '%', '\0'])
    };
    text.split('/').all(plain)
}

/// `/OWNER/NAME`, `/OWNER/NAME/tree/main` and `/OWNER/NAME/resolve/main/FILE` (or `blob`).
fn on_hub(hub: &Url, url: &Url) -> Option<Result<Source>> {
    let path = url.path().strip_prefix(hub.path().trim_end_matches('/'))?;
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let text = match parts.as_slice() {
        [owner, name] | [owner, name, "tree", "main"] => format!("{owner}/{name}"),
        [owner, name, "resolve" | "blob", "main", file @ ..] if !file.is_empty() => {
            format!("{owner}/{name}:{}", file.join("/"))
        }
        _ => return None,
    };
    Some(parse_repository(&text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hub() -> Url {
        Url::parse("https://hub.example").unwrap()
    }

    fn said(text: &str) -> Option<String> {
        Source::parse(text, &hub())
            .ok()
            .map(|source| source.to_string())
    }

    #[test]
    fn repositories_files_and_addresses_are_told_apart() {
        let same = [
            "Qwen/Qwen3-0.6B-GGUF",
            "Qwen/Qwen3-0.6B-GGUF:Q8_0",
            "Qwen/Qwen3-0.6B-GGUF:Q8_0/part-00001-of-00002.gguf",
            "https://elsewhere.example/model.gguf",
        ];
        for text in same {
            assert_eq!(said(text).as_deref(), Some(text));
        }
        for (copied, meant) in [
            ("https://hub.example/a/b", "a/b"),
            ("https://hub.example/a/b/tree/main", "a/b"),
            (
                "https://hub.example/a/b/blob/main/c.gguf?download=true",
                "a/b:c.gguf",
            ),
            (
                "https://hub.example/a/b/resolve/main/d/c.gguf",
                "a/b:d/c.gguf",
            ),
            (
                "https://cdn.example/c.gguf?sig=secret",
                "https://cdn.example/c.gguf",
            ),
        ] {
            assert_eq!(said(copied).as_deref(), Some(meant), "{copied}");
        }
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for bad in [
            "",
            "model",
            "a/b/c",
            "../../etc",
            "a/..",
            "a/b:",
            "a/b:../c.gguf",
            "a/b:/c.gguf",
            "a/b:c%2fd.gguf",
            "a/b:c d",
            "ftp://host/x.gguf",
            "file:///etc/passwd",
            "https://",
            "https://ada:secret@host/x.gguf",
            "https://hub.example/datasets/a/b/c",
            &"a".repeat(5000),
        ] {
            assert_eq!(said(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_source_is_said_as_it_is_understood(text in "[a-zA-Z0-9:/._ ?#%-]{0,60}") {
            if let Ok(source) = Source::parse(&text, &hub()) {
                let again = Source::parse(&source.to_string(), &hub()).unwrap();
                prop_assert_eq!(again.to_string(), source.to_string());
            }
        }
    }
}

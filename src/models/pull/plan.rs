//! What a pull would bring: which files from where, under which names, how much of it has come
//! before, and whether it fits this machine. Making a plan changes nothing, here or there.

use std::path::Path;

use reqwest::Url;

use super::choice::{Choice, choices, choose, quantization_in};
use super::download::{PlannedFile, locate};
use super::failure::Failure;
use super::hub::{file_url, list_files, valid_sha256};
use super::part_file::kept_bytes;
use super::source::{Source, Wanted};
use super::{Puller, blocking};
use crate::error::{Error, Result};
use crate::machine;
use crate::models::fit::{Fit, Machine, Verdict, active_share};
use crate::models::folder;

const MAX_NAME_BYTES: usize = 200;

/// A pull that can be carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// For people.
    pub source: String,
    /// The name in the models folder; of a model in several files, the first.
    pub file: String,
    pub model_id: String,
    /// As in `Q4_K_M`; empty where the name says none.
    pub quantization: String,
    /// None where the server does not say.
    pub size_bytes: Option<u64>,
    /// What came of it before.
    pub kept_bytes: u64,
    pub free_disk_bytes: Option<u64>,
    /// Whether the models folder has it.
    pub is_there: bool,
    pub fit: Option<Fit>,
    pub(super) files: Vec<PlannedFile>,
    /// What the source says again, exactly: also after a restart it means this file.
    pub(super) exact_source: String,
}

/// What a source offers.
#[derive(Debug)]
pub struct Preview {
    /// The models of a repository, the smallest first; empty for an address.
    pub choices: Vec<(Choice, Fit)>,
    /// What would be pulled, or why nobody can say.
    pub plan: Result<Plan>,
}

impl Preview {
    pub(super) fn into_plan(self, sha256: Option<&str>) -> Result<Plan> {
        let mut plan = self.plan?;
        if let Some(wanted) = sha256 {
            plan.expect_sha256(wanted)?;
        }
        Ok(plan)
    }
}

impl Plan {
    /// What to pull again to get the same.
    pub fn exact_source(&self) -> &str {
        &self.exact_source
    }

    fn expect_sha256(&mut self, wanted: &str) -> Result<()> {
        let refused = |sentence: &str| Err(Error::invalid_field("sha256", sentence));
        let Some(wanted) = valid_sha256(wanted) else {
            return refused("a sha256 has 64 hexadecimal digits");
        };
        let [file] = self.files.as_mut_slice() else {
            return refused("a model in several files has one checksum for each; give none");
        };
        match &file.sha256 {
            Some(listed) if *listed != wanted => {
                refused("the hub says another sha256 of this file: it is not the one you expect")
            }
            _ => {
                file.sha256 = Some(wanted);
                Ok(())
            }
        }
    }
}

/// The file itself, or all parts of a model in several.
pub(super) fn names_of_parts(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".gguf").unwrap_or(file);
    match folder::part_of(stem) {
        Some((model, 1, total)) => (1..=total)
            .map(|number| format!("{model}-{number:05}-of-{total:05}.gguf"))
            .collect(),
        _ => vec![file.to_owned()],
    }
}

/// The last part of a path, where it is a name for a model file and for nothing else.
fn local_name(path: &str) -> Option<String> {
    let name = path.rsplit(['/', '\\']).next()?;
    let plain = name.len() <= MAX_NAME_BYTES
        && name.len() > ".gguf".len()
        && name.ends_with(".gguf")
        && !name.starts_with('.')
        && !name.chars().any(char::is_control);
    plain.then(|| name.to_owned())
}

/// The address of another file in the same folder.
fn beside(url: &Url, name: &str, other: &str) -> Option<Url> {
    let mut url = url.clone();
    if url.path_segments()?.next_back()? != name {
        return None;
    }
    url.path_segments_mut().ok()?.pop().push(other);
    Some(url)
}

/// Of all files; None where one of them is not known.
fn size_of(files: &[PlannedFile]) -> Option<u64> {
    let mut sizes = files.iter().map(|file| file.size_bytes);
    sizes.try_fold(0_u64, |sum, size| sum.checked_add(size?))
}

fn no_name() -> Error {
    Error::invalid_field(
        "source",
        "the name of a model file ends in .gguf; this one does not",
    )
}

impl Puller {
    pub(super) async fn look_at(
        &self,
        source: &Source,
        machine: Machine,
    ) -> Result<Preview, Failure> {
        match source {
            Source::Repository { name, wanted } => {
                self.look_at_repository(source, name, wanted, machine).await
            }
            Source::Address(url) => {
                let plan = self.look_at_address(source, url, machine).await?;
                Ok(Preview {
                    choices: Vec::new(),
                    plan: Ok(plan),
                })
            }
        }
    }

    async fn look_at_repository(
        &self,
        source: &Source,
        repository: &str,
        wanted: &Wanted,
        machine: Machine,
    ) -> Result<Preview, Failure> {
        let client = self.client()?;
        let offered = choices(list_files(client, repository).await?);
        let fit = |choice: &Choice| {
            let name = format!("{repository}/{}", choice.file);
            self.fit(&name, choice.size_bytes, machine)
        };
        let fits = |choice: &Choice| fit(choice).verdict != Verdict::TooLarge;
        let plan = match choose(&offered, wanted, fits) {
            Err(error) => Err(error),
            Ok(chosen) => {
                let planned = |part: &super::hub::RemoteFile| {
                    Some(PlannedFile {
                        url: file_url(&client.hub, repository, &part.path),
                        name: local_name(&part.path)?,
                        size_bytes: Some(part.size_bytes),
                        sha256: part.sha256.clone(),
                    })
                };
                let files: Option<Vec<_>> = chosen.parts.iter().map(planned).collect();
                let exact = Source::Repository {
                    name: repository.to_owned(),
                    wanted: Wanted::File(chosen.file.clone()),
                };
                let files = files.ok_or_else(no_name)?;
                self.plan_of(source, exact.to_string(), files, fit(chosen))
                    .await
            }
        };
        Ok(Preview {
            choices: offered
                .into_iter()
                .map(|it| (it.clone(), fit(&it)))
                .collect(),
            plan,
        })
    }

    async fn look_at_address(
        &self,
        source: &Source,
        url: &Url,
        machine: Machine,
    ) -> Result<Plan, Failure> {
        let client = self.client()?;
        let located = locate(client, url).await?;
        let named = local_name(url.path()).or_else(|| local_name(located.file_name.as_deref()?));
        let name = named.ok_or_else(no_name)?;
        let names = names_of_parts(&name);
        let stem = name.trim_end_matches(".gguf");
        if names.len() == 1 && folder::part_of(stem).is_some() {
            let sentence = "this is a later part of a model; give the address of the first";
            return Err(Error::invalid_field("source", sentence).into());
        }
        let mut files = vec![PlannedFile {
            url: url.clone(),
            name: name.clone(),
            size_bytes: located.size_bytes,
            sha256: None,
        }];
        for other in &names[1..] {
            let beside = beside(url, &name, other).ok_or_else(no_name)?;
            let located = locate(client, &beside).await?;
            files.push(PlannedFile {
                url: beside,
                name: other.clone(),
                size_bytes: located.size_bytes,
                sha256: None,
            });
        }
        let fit = self.fit(&name, size_of(&files).unwrap_or(0), machine);
        Ok(self.plan_of(source, url.to_string(), files, fit).await?)
    }

    fn fit(&self, name: &str, size_bytes: u64, machine: Machine) -> Fit {
        Fit::estimate(size_bytes, active_share(name), self.context_tokens, machine)
    }

    async fn plan_of(
        &self,
        source: &Source,
        exact_source: String,
        files: Vec<PlannedFile>,
        fit: Fit,
    ) -> Result<Plan> {
        let file = files[0].name.clone();
        let size_bytes = size_of(&files);
        let plan = Plan {
            source: match source {
                Source::Repository { .. } => exact_source.clone(),
                Source::Address(_) => source.to_string(),
            },
            model_id: folder::id_of(Path::new(&file)),
            quantization: quantization_in(&file),
            size_bytes,
            kept_bytes: 0,
            free_disk_bytes: None,
            is_there: false,
            fit: size_bytes.map(|_| fit),
            file,
            files,
            exact_source,
        };
        let folder = self.folder.clone();
        blocking(move || Ok(plan.looked_up_in(&folder))).await
    }
}

impl Plan {
    /// Blocking.
    fn looked_up_in(mut self, folder: &Path) -> Self {
        self.free_disk_bytes = machine::free_disk_bytes(folder);
        self.is_there = std::fs::symlink_metadata(folder.join(&self.file)).is_ok();
        let came = self.files.iter().map(|file| {
            let target = folder.join(&file.name);
            let whole = std::fs::metadata(&target).map(|metadata| metadata.len());
            whole.unwrap_or_else(|_| kept_bytes(&target))
        });
        self.kept_bytes = came.sum();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for (path, name) in [
            ("m.gguf", "m.gguf"),
            ("Q8_0/m.gguf", "m.gguf"),
            ("../../m.gguf", "m.gguf"),
            ("..\\..\\m.gguf", "m.gguf"),
            ("/etc/m.gguf", "m.gguf"),
        ] {
            assert_eq!(local_name(path).as_deref(), Some(name), "{path}");
        }
        for bad in [
            "",
            ".gguf",
            "..",
            "m",
            ".m.gguf",
            "a/.m.gguf",
            "m.gguf/",
            "m\n.gguf",
            "m.gguf.part",
        ] {
            assert_eq!(local_name(bad), None, "{bad:?}");
        }
        assert_eq!(local_name(&format!("{}.gguf", "m".repeat(300))), None);
    }

    #[test]
    fn a_model_in_parts_has_as_many_names() {
        assert_eq!(names_of_parts("m.gguf"), ["m.gguf"]);
        assert_eq!(
            names_of_parts("m-00001-of-00002.gguf"),
            ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"]
        );
        assert_eq!(names_of_parts("m-00002-of-00002.gguf").len(), 1);
    }
}

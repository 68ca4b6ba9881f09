//! The administrator's plugins on the disk: `<data>/plugins/NAME/`, two files each.
//!
//! A file is replaced whole, by a rename, so that nobody ever reads half of one. What is too large
//! is not read. All of this blocks.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::OFlags;

use super::code::{MAX_MANIFEST_BYTES, MAX_SOURCE_BYTES, PluginFiles};
use super::manifest::is_plugin_name;
use super::protocol::ScriptError;

pub(super) const MANIFEST_FILE: &str = "plugin.toml";
pub(super) const SOURCE_FILE: &str = "main.rhai";

/// By which a change is noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp([Option<(u64, SystemTime)>; 2]);

/// The folders there are that a plugin could be in.
pub(super) fn list_names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_plugin_name(&name) && entry.path().is_dir() {
            names.push(name);
        }
    }
    Ok(names)
}

/// None where there is neither of the files.
pub(super) fn find_stamp(folder: &Path, name: &str) -> Option<Stamp> {
    let of = |file: &str| {
        let metadata = fs::metadata(folder.join(name).join(file)).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    };
    let stamps = [of(MANIFEST_FILE), of(SOURCE_FILE)];
    stamps.iter().any(Option::is_some).then_some(Stamp(stamps))
}

pub(super) fn read(folder: &Path, name: &str) -> Result<PluginFiles, ScriptError> {
    let folder = folder.join(name);
    Ok(PluginFiles {
        manifest: read_text(&folder, MANIFEST_FILE, MAX_MANIFEST_BYTES)?,
        source: read_text(&folder, SOURCE_FILE, MAX_SOURCE_BYTES)?,
    })
}

fn read_text(folder: &Path, name: &str, limit: usize) -> Result<String, ScriptError> {
    let refused = |why: &str| ScriptError::of_whole(format!("{name} {why}"));
    // A pipe would be waited for.
    let file = File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(folder.join(name));
    let file = file.map_err(|_| refused("cannot be read"))?;
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    if !is_file {
        return Err(refused("is no file"));
    }
    let mut bytes = Vec::new();
    let read = file.take(limit as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|_| refused("cannot be read"))?;
    if bytes.len() > limit {
        return Err(refused(&format!("is larger than {} KiB", limit / 1024)));
    }
    String::from_utf8(bytes).map_err(|_| refused("is no text in UTF-8"))
}

pub(super) fn write(plugins: &Path, name: &str, files: &PluginFiles) -> io::Result<()> {
    let folder = plugins.join(name);
    fs::create_dir_all(&folder)?;
    // Both are whole on the disk before either has its name.
    let texts = [
        (MANIFEST_FILE, &files.manifest),
        (SOURCE_FILE, &files.source),
    ];
    let beside = |file: &str| folder.join(format!("{file}.part"));
    for (file, text) in texts {
        let mut part = File::create(beside(file))?;
        part.write_all(text.as_bytes())?;
        part.sync_all()?;
    }
    for (file, _) in texts {
        fs::rename(beside(file), folder.join(file))?;
    }
    // The names: of the files, of their folder, and of the folder of all.
    sync(&folder)?;
    sync(plugins)?;
    plugins.parent().map_or(Ok(()), sync)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(super) fn remove(plugins: &Path, name: &str) -> io::Result<()> {
    let folder = plugins.join(name);
    // First what makes it a plugin, so that a half-deleted one is none.
    for file in [SOURCE_FILE, MANIFEST_FILE] {
        match fs::remove_file(folder.join(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync(plugins),
    }
}

//! The plugins that come with the house, embedded in the binary. They are off until somebody turns
//! them on, and stay as they are: an edit is a copy in the data folder.

use rust_embed::RustEmbed;

use super::code::PluginFiles;
use super::files::{MANIFEST_FILE, SOURCE_FILE};

#[derive(RustEmbed)]
#[folder = "plugins/"]
struct ShippedFiles;

pub(super) fn names() -> Vec<String> {
    let files = ShippedFiles::iter();
    let names = files.filter_map(|path| {
        let (name, file) = path.split_once('/')?;
        (file == MANIFEST_FILE).then(|| name.to_owned())
    });
    names.collect()
}

pub(super) fn find(name: &str) -> Option<PluginFiles> {
    let text = |file: &str| {
        let file = ShippedFiles::get(&format!("{name}/{file}"))?;
        String::from_utf8(file.data.into_owned()).ok()
    };
    Some(PluginFiles {
        manifest: text(MANIFEST_FILE)?,
        source: text(SOURCE_FILE)?,
    })
}

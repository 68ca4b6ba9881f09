//! Tells cargo that the page and the demo model are part of the program. `make web` builds the
//! page, never this.

fn main() -> std::io::Result<()> {
    // A folder that is not there would count as changed at every build.
    for folder in ["assets/web/dist", "assets/models"] {
        std::fs::create_dir_all(folder)?;
        println!("cargo::rerun-if-changed={folder}");
    }
    Ok(())
}

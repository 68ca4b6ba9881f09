//! Tells cargo that the page, the demo model and the mails are part of the program. `make web` builds the
//! page, never this.

fn main() -> std::io::Result<()> {
    // A folder that is not there would count as changed at every build.
    for folder in ["assets/web/dist", "assets/models", "assets/mail"] {
        std::fs::create_dir_all(folder)?;
        println!("cargo::rerun-if-changed={folder}");
    }
    Ok(())
}

//! `completions`: what a shell needs to complete our commands.

use clap::{Args, CommandFactory};

use super::say;
use crate::error::Result;

#[derive(Args)]
#[command(
    after_help = "Example: chatelaine completions bash > ~/.local/share/bash-completion/completions/chatelaine"
)]
pub(super) struct Arguments {
    shell: clap_complete::Shell,
}

pub(super) fn run<C: CommandFactory>(arguments: Arguments) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut C::command(),
        "chatelaine",
        &mut script,
    );
    say(&script)
}

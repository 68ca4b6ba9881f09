//! `model pull`: says what would come and whether it fits this machine, asks where somebody sits
//! there, and downloads. A running server sees the finished file by itself; whatever stops this,
//! another pull goes on where it ended.

use std::io::{BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use clap::Args;

use super::super::{DataArguments, block_on, say_line};
use crate::appliance::{open_puller, prepare_data_folder};
use crate::error::{Error, ErrorKind, Result};
use crate::models::{Meter, Plan, Progress, Puller, size_for_people};

const REDRAW_INTERVAL: Duration = Duration::from_millis(250);
/// Where nobody watches, a line so often is enough.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Args)]
pub(super) struct PullArguments {
    /// OWNER/NAME, OWNER/NAME:Q4_K_M, OWNER/NAME:FILE.gguf, or an address
    #[arg(value_name = "REPO[:FILE]|URL")]
    source: String,
    /// The SHA-256 that the file must have
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(data: &DataArguments, arguments: PullArguments) -> Result<()> {
    let (config, folder) = data.load()?;
    prepare_data_folder(&folder)?;
    std::fs::create_dir_all(folder.join("models")).map_err(Error::internal)?;
    let puller = open_puller(&config, &folder);
    block_on(async {
        let sha256 = arguments.sha256.as_deref();
        let plan = puller.plan(&arguments.source, sha256).await?;
        puller.check(&plan).await?;
        say_line(&outlook(&plan))?;
        if !arguments.yes && !confirmed()? {
            return Err(Error::conflict("nothing was pulled"));
        }
        pull(&puller, &plan).await?;
        say_line(&format!("Pulled {}", plan.model_id))
    })
}

fn outlook(plan: &Plan) -> String {
    let mut text = plan.source.clone();
    if let Some(size_bytes) = plan.size_bytes {
        text.push_str(&format!(": {}", size_for_people(size_bytes)));
    }
    if plan.kept_bytes > 0 {
        let kept = size_for_people(plan.kept_bytes);
        text.push_str(&format!(", of which {kept} are here already"));
    }
    if let Some(fit) = plan.fit {
        text.push_str(&format!("\n{}", fit.sentence()));
    }
    text
}

/// True where nobody can be asked.
fn confirmed() -> Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(true);
    }
    eprint!("Pull it? [Y/n] ");
    let mut answer = String::new();
    stdin
        .lock()
        .read_line(&mut answer)
        .map_err(Error::internal)?;
    let answer = answer.trim().to_lowercase();
    Ok(answer.is_empty() || answer == "y" || answer == "yes")
}

async fn pull(puller: &Puller, plan: &Plan) -> Result<()> {
    let meter = Meter::default();
    let mut display = Display::new();
    let mut ticks = tokio::time::interval(REDRAW_INTERVAL);
    let pulled = puller.pull(plan, &meter);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(pulled, interrupted);
    let outcome = loop {
        tokio::select! {
            outcome = &mut pulled => break outcome,
            _ = ticks.tick() => display.show(&meter.progress()),
            _ = &mut interrupted => break Err(stopped()),
        }
    };
    display.end();
    outcome
}

fn stopped() -> Error {
    Error::new(
        ErrorKind::Conflict,
        "stopped; what has come is kept: pull again to go on where it ended",
    )
}

/// One line that is drawn again on a terminal; elsewhere a line now and then.
struct Display {
    on_terminal: bool,
    last: Option<Instant>,
}

impl Display {
    fn new() -> Self {
        Self {
            on_terminal: std::io::stderr().is_terminal(),
            last: None,
        }
    }

    fn show(&mut self, progress: &Progress) {
        let line = line(progress);
        if self.on_terminal {
            eprint!("\r\x1b[K{line}");
            let _ = std::io::stderr().flush();
        } else if self.last.is_none_or(|last| last.elapsed() >= LINE_INTERVAL) {
            self.last = Some(Instant::now());
            eprintln!("{line}");
        }
    }

    fn end(&self) {
        if self.on_terminal {
            eprintln!();
        }
    }
}

fn line(progress: &Progress) -> String {
    let done = size_for_people(progress.done_bytes);
    if progress.verifying {
        return format!("{done}, being compared with its checksum");
    }
    let mut line = match progress.total_bytes {
        Some(total) => {
            let percent = u128::from(progress.done_bytes) * 100 / u128::from(total.max(1));
            format!("{percent:>3} %  {done} of {}", size_for_people(total))
        }
        None => done,
    };
    if progress.bytes_per_s > 0 {
        line.push_str(&format!(", {}/s", size_for_people(progress.bytes_per_s)));
    }
    if let Some(eta_ms) = progress.eta_ms {
        line.push_str(&format!(", {} left", duration_for_people(eta_ms / 1000)));
    }
    line
}

fn duration_for_people(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_one_line() {
        let mut progress = Progress {
            verifying: false,
            done_bytes: 1_500_000_000,
            total_bytes: Some(5_000_000_000),
            bytes_per_s: 20_000_000,
            eta_ms: Some(175_000),
        };
        assert_eq!(
            line(&progress),
            " 30 %  1.5 GB of 5.0 GB, 20 MB/s, 3 min left"
        );
        progress.verifying = true;
        assert_eq!(line(&progress), "1.5 GB, being compared with its checksum");
        let unknown = Progress {
            verifying: false,
            total_bytes: None,
            bytes_per_s: 0,
            eta_ms: None,
            ..progress
        };
        assert_eq!(line(&unknown), "1.5 GB");
    }
}

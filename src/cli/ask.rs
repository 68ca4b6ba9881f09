//! `ask`: one answer in the terminal, streamed. No server, no account, nothing stored; the model is
//! one of the data folder's library, or the demo model.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;

use clap::Args;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{DataArguments, block_on};
use crate::appliance::{open_library, prepare_data_folder};
use crate::config::Config;
use crate::engine::{ChatMessage, Engine, EngineEvent, Generate, ModelState, Role};
use crate::error::{Error, Result};
use crate::models::{Library, find_default};

#[derive(Args)]
#[command(
    after_help = "Example: chatelaine ask \"What is a registration key?\"\n         git diff | chatelaine ask --system \"Review this change\""
)]
pub(super) struct Arguments {
    /// A model of `chatelaine model list`
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// What the model is told before the question
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// The question; standard input is added where it is piped
    text: Option<String>,
    #[command(flatten)]
    data: DataArguments,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let question = read_question(arguments.text.clone())?;
    let (config, folder) = arguments.data.load()?;
    block_on(ask(arguments, question, config, &folder))
}

fn read_question(text: Option<String>) -> Result<String> {
    let mut question = text.unwrap_or_default();
    // Something that is not a terminal may still never end; a question that is there does not wait for it.
    if question.is_empty() && !std::io::stdin().is_terminal() {
        std::io::stdin()
            .lock()
            .read_to_string(&mut question)
            .map_err(Error::internal)?;
    }
    match question.trim().is_empty() {
        true => Err(Error::invalid(
            "there is no question; write it behind `ask`, or pipe it in",
        )),
        false => Ok(question.trim().to_owned()),
    }
}

async fn ask(arguments: Arguments, question: String, config: Config, folder: &Path) -> Result<()> {
    prepare_data_folder(folder)?;
    let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
    let library = open_library(&config.engine, folder, &tasks, &stopping)?;
    library.settled().await;
    let outcome = answer(&library, arguments, question).await;
    stopping.cancel();
    tasks.close();
    tasks.wait().await;
    outcome
}

async fn answer(library: &Library, arguments: Arguments, question: String) -> Result<()> {
    let system = arguments.system.map(|content| ChatMessage {
        role: Role::System,
        content,
    });
    let user = ChatMessage {
        role: Role::User,
        content: question,
    };
    let model = choose_model(library, arguments.model)?;
    let messages = system.into_iter().chain([user]).collect();
    let mut stream = library.generate(Generate::new(model, messages))?;
    let mut stdout = std::io::stdout().lock();
    while let Some(event) = stream.next_event().await {
        match event? {
            EngineEvent::Delta(text) => {
                stdout
                    .write_all(text.as_bytes())
                    .and_then(|()| stdout.flush())
                    .map_err(Error::internal)?;
            }
            EngineEvent::Finished(_) => break,
            EngineEvent::Queued { .. } | EngineEvent::Prefill { .. } => {}
        }
    }
    stdout.write_all(b"\n").map_err(Error::internal)
}

fn choose_model(library: &Library, wanted: Option<String>) -> Result<String> {
    let models = library.list();
    match wanted {
        None => find_default(&models)
            .map(|model| model.id.clone())
            .ok_or_else(|| {
                Error::invalid(
                    "there is no model that can answer; add one with `chatelaine model add FILE`",
                )
            }),
        Some(id) => match models
            .iter()
            .find(|model| model.id == id)
            .map(|model| &model.state)
        {
            None => Err(Error::invalid(format!(
                "there is no model named \"{id}\"; see `chatelaine model list`"
            ))),
            Some(ModelState::Unusable(reason)) => {
                Err(Error::invalid(format!("{id} cannot be used: {reason}")))
            }
            Some(_) => Ok(id),
        },
    }
}

//! `ask`: one answer in the terminal, streamed. No server, no account, nothing stored; the model is
//! one of the data folder's library, or the demo model.

use std::io::{IsTerminal, Read};

use clap::Args;

use super::{DataArguments, say, say_line, with_library};
use crate::engine::{ChatMessage, Engine, EngineError, EngineEvent, Generate, ModelState, Role};
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
    /// The question; read from standard input where it is not given
    text: Option<String>,
    #[command(flatten)]
    data: DataArguments,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let question = read_question(arguments.text)?;
    with_library(&arguments.data, async |library| {
        let model = choose_model(library, arguments.model)?;
        let say = |role, content| ChatMessage::new(role, content);
        let system = arguments.system.map(|text| say(Role::System, text));
        let messages = system.into_iter().chain([say(Role::User, question)]);
        answer(library, Generate::new(model, messages.collect())).await
    })
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

async fn answer(library: &Library, request: Generate) -> Result<()> {
    let mut stream = library.generate(request)?;
    while let Some(event) = stream.next_event().await {
        match event? {
            EngineEvent::Delta(text) => say(text.as_bytes())?,
            EngineEvent::Finished(_) => return say_line(""),
            _ => {}
        }
    }
    Err(EngineError::Failed("the engine went away".into()).into())
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

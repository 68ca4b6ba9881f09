//! The answers to one request: one or several streams of the engine, read together.
//!
//! All are read at the same time, since an engine waits for a reader that does not read. The error
//! of one ends them all.

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, SelectAll, select_all};

use super::figures::added_usage;
use crate::accounts::Caller;
use crate::appliance::Appliance;
use crate::conversations::{CompletionRequest, CompletionStream};
use crate::engine::{
    EngineError, EngineEvent, Finished, Generate, TokenChance, ToolCallDelta, Usage,
};
use crate::error::{Error, Result};
use crate::http::events::KEEP_ALIVE;
use crate::models::AdapterChoice;

/// An event, and which answer it is of.
type Told = (u32, Result<EngineEvent>);

/// What is to answer.
pub(super) struct Answering {
    /// None: the house's default.
    pub(super) model: Option<String>,
    pub(super) adapters: Vec<AdapterChoice>,
    /// In chunks, as they come; else all answers together.
    pub(super) streams: bool,
}

pub(super) struct Answers {
    pub(super) model: String,
    pub(super) count: u32,
    pub(super) same_prompt: bool,
    events: SelectAll<BoxStream<'static, Told>>,
    /// Read already.
    first: Option<Told>,
}

impl Answers {
    /// Asks the engine for each; `wanted` is not empty.
    pub(super) async fn ask(
        appliance: &Appliance,
        caller: &Caller,
        who: &Answering,
        wanted: Vec<Generate>,
        same_prompt: bool,
    ) -> Result<Self> {
        let request = CompletionRequest {
            model: who.model.clone(),
            adapters: who.adapters.clone(),
            generate: wanted,
            is_whole: !who.streams,
        };
        let completion = appliance.conversations.complete(caller, request).await?;
        let streams: Vec<_> = (0..)
            .zip(completion.streams)
            .map(|(index, stream)| events_of(index, stream))
            .collect();
        Ok(Self {
            model: completion.model,
            count: u32::try_from(streams.len()).unwrap_or(u32::MAX),
            same_prompt,
            events: select_all(streams),
            first: None,
        })
    }

    /// What is wrong with a request is mostly found before its turn comes or soon after; until then
    /// it can still be a status.
    pub(super) async fn begin(&mut self) -> Result<()> {
        let begun = async {
            loop {
                match self.events.next().await {
                    Some((_, Ok(EngineEvent::Queued { .. }))) => {}
                    event => return event,
                }
            }
        };
        match tokio::time::timeout(KEEP_ALIVE, begun).await {
            Ok(Some((_, Err(error)))) => Err(error),
            Ok(event) => {
                self.first = event;
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    /// None when all are finished.
    pub(super) async fn next(&mut self) -> Option<Told> {
        match self.first.take() {
            Some(told) => Some(told),
            None => self.events.next().await,
        }
    }

    /// Waits for all of them.
    pub(super) async fn collect(mut self) -> Result<Vec<Answer>> {
        let mut answers: Vec<Answer> = (0..self.count).map(|_| Answer::default()).collect();
        while let Some((index, event)) = self.next().await {
            let event = event?;
            if let Some(answer) = answers.get_mut(index as usize) {
                answer.take(event);
            }
        }
        Ok(answers)
    }
}

/// Ends behind what ends the answer.
fn events_of(index: u32, stream: CompletionStream) -> BoxStream<'static, Told> {
    let next = move |stream: Option<CompletionStream>| async move {
        let mut stream = stream?;
        let event = match stream.next_event().await {
            Some(event) => event.map_err(Error::from),
            None => Err(EngineError::Failed("the engine went away".into()).into()),
        };
        let goes_on = matches!(&event, Ok(event) if !matches!(event, EngineEvent::Finished(_)));
        Some(((index, event), goes_on.then_some(stream)))
    };
    futures_util::stream::unfold(Some(stream), next).boxed()
}

/// One whole answer.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) reasoning: String,
    /// Each in one piece.
    pub(super) calls: Vec<ToolCallDelta>,
    pub(super) chances: Vec<TokenChance>,
    pub(super) finished: Option<Finished>,
    held_chances: Vec<TokenChance>,
}

impl Answer {
    fn take(&mut self, event: EngineEvent) {
        match event {
            EngineEvent::Delta(text) => {
                self.text.push_str(&text);
                self.chances.append(&mut self.held_chances);
            }
            EngineEvent::Reasoning(text) => {
                self.reasoning.push_str(&text);
                // Clients are told of the answer's tokens alone.
                self.held_chances.clear();
            }
            EngineEvent::ToolCall(delta) => {
                self.held_chances.clear();
                match self.calls.iter_mut().find(|call| call.index == delta.index) {
                    Some(call) => call.arguments.push_str(&delta.arguments),
                    None => self.calls.push(delta),
                }
            }
            EngineEvent::Chances(chances) => self.held_chances.extend(chances),
            EngineEvent::Finished(finished) => {
                self.chances.append(&mut self.held_chances);
                self.finished = Some(finished);
            }
            EngineEvent::Queued { .. } | EngineEvent::Prefill { .. } => {}
        }
    }
}

/// Of all answers together.
pub(super) fn usage_of(answers: &[Answer], same_prompt: bool) -> Usage {
    let usages = answers.iter().filter_map(|answer| answer.finished.as_ref());
    let sum = usages.fold(None, |sum, finished| {
        Some(added_usage(sum, finished.usage, same_prompt))
    });
    sum.unwrap_or_default()
}

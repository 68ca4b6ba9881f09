//! Text and vectors for a program that keeps its own conversation. Nothing is stored but what it
//! uses and costs, and when the program goes away the work is cancelled, since it could not come back for the
//! rest.

use std::sync::Arc;

use super::Conversations;
use super::charges::{Charge, Payer, Size, Terms, estimated_vector_tokens};
use super::metering::{Bill, CompletionStream, Meter, Outcome};
use super::model_choice::Asker;
use super::promises::lane_of;
use super::tally::Tally;
use crate::accounts::Caller;
use crate::engine::{Embed, Embeddings, Generate, Priority, Usage};
use crate::error::{Error, Result};
use crate::models::AdapterChoice;
use crate::store::WriteTx;

pub struct CompletionRequest {
    /// None: the house's default.
    pub model: Option<String>,
    pub adapters: Vec<AdapterChoice>,
    /// What is asked, once for each answer. Model, adapters and lane are filled in here.
    pub generate: Vec<Generate>,
    /// The answers are handed over together: none is paid for unless all come to their end.
    pub is_whole: bool,
}

pub struct Completion {
    /// The model that answers.
    pub model: String,
    /// One for each answer, in the order they were asked for.
    pub streams: Vec<CompletionStream>,
}

pub struct EmbeddingRequest {
    /// None: the house's default.
    pub model: Option<String>,
    pub texts: Vec<String>,
    pub priority: Priority,
}

pub struct CompletedEmbedding {
    /// The model that made the vectors.
    pub model: String,
    pub embeddings: Embeddings,
}

/// What is asked of the engine, and what counts it.
type Metered<T> = (T, Meter);

impl Conversations {
    /// All answers are paid for, or none is begun.
    pub async fn complete(
        &self,
        caller: &Caller,
        request: CompletionRequest,
    ) -> Result<Completion> {
        let asker = self.asker(caller).await?;
        asker.check_completions()?;
        let mut model = asker.model(request.model.as_deref())?;
        let mut adapters = asker.adapters(&model, &request.adapters)?;
        let asked: Vec<Generate> = request
            .generate
            .iter()
            .map(|generate| Generate {
                model: model.clone(),
                adapters: adapters.clone(),
                ..generate.clone()
            })
            .collect();
        let change = asker.rules().change_for_program(&asked).await?;
        if let Some(other) = change.model.filter(|other| *other != model) {
            model = asker.model(Some(&other))?;
            // They are made for the other one.
            adapters.clear();
        }
        let wanted = request.generate.into_iter().map(|mut generate| {
            generate.max_tokens = change.max_tokens.or(generate.max_tokens);
            let temperature = &mut generate.sampling.temperature;
            *temperature = change.temperature.or(*temperature);
            Generate {
                model: model.clone(),
                adapters: adapters.clone(),
                lane: lane_of(caller.user_id()),
                ..generate
            }
        });
        let metered = self.reserve_each(&asker, wanted.collect(), request.is_whole);
        let metered = metered.await?;
        let (wanted, meters): (Vec<_>, Vec<_>) = metered.into_iter().unzip();
        let streams = wanted
            .into_iter()
            .map(|generate| self.engine.generate(generate))
            .collect::<Result<Vec<_>, _>>();
        let streams = match streams {
            Ok(streams) => streams,
            Err(error) => {
                for meter in meters {
                    meter.end(Outcome::Failed).await;
                }
                return Err(error.into());
            }
        };
        let streams = streams.into_iter().zip(meters);
        let streams = streams.map(|(stream, meter)| CompletionStream::new(stream, meter));
        Ok(Completion {
            streams: streams.collect(),
            model,
        })
    }

    async fn reserve_each(
        &self,
        asker: &Asker,
        wanted: Vec<Generate>,
        is_whole: bool,
    ) -> Result<Vec<Metered<Generate>>> {
        let payer = asker.payer().clone();
        let sized = wanted.into_iter().map(|generate| {
            let context_tokens = asker.context_tokens(&generate.model);
            let size = Size::of(&generate, context_tokens);
            (generate, size)
        });
        let sized: Vec<_> = sized.collect();
        let (bill, desk) = (Bill::new(sized.len(), is_whole), self.desk());
        let meter = move |(generate, size): (Generate, Size), charge: Option<Charge>| {
            let tally = Tally::new(size.prompt_tokens, generate.max_tokens);
            let meter = Meter::new(&desk, &bill, charge, &generate.model, tally);
            (generate, meter)
        };
        if !payer.may_pay() {
            return Ok(sized.into_iter().map(|sized| meter(sized, None)).collect());
        }
        let reserving = payer.clone();
        let write = move |tx: &WriteTx| {
            let mut wanted = sized.clone();
            let terms = reserving.reserve_each(tx, &mut wanted)?;
            Ok(wanted.into_iter().zip(terms).collect())
        };
        self.reserve_with(payer, write, meter).await
    }

    /// In a task of its own: a caller that leaves in the middle leaves a meter, which gives back
    /// what was reserved.
    async fn reserve_with<T, U>(
        &self,
        payer: Payer,
        write: impl Fn(&WriteTx) -> Result<Vec<(T, Terms)>> + Send + Sync + 'static,
        meter: impl Fn(T, Option<Charge>) -> Metered<U> + Send + 'static,
    ) -> Result<Vec<Metered<U>>>
    where
        T: Send + 'static,
        U: Send + 'static,
    {
        let store = Arc::clone(&self.store);
        let reserved = self.tasks.spawn(async move {
            let reserved = payer.write(&store, write).await?.into_iter();
            let metered = reserved.map(|(asked, terms)| meter(asked, terms.into_charge()));
            Ok::<_, Error>(metered.collect())
        });
        reserved.await.map_err(Error::internal)?
    }

    pub async fn embed(
        &self,
        caller: &Caller,
        request: EmbeddingRequest,
    ) -> Result<CompletedEmbedding> {
        let asker = self.asker(caller).await?;
        asker.check_completions()?;
        let model = asker.embedding_model(request.model.as_deref())?;
        let wanted = Embed {
            model: model.clone(),
            texts: request.texts,
            priority: request.priority,
            lane: lane_of(caller.user_id()),
        };
        let (wanted, mut meter) = self.reserve_vectors(&asker, wanted).await?;
        meter.begin_vectors();
        let embeddings = self.engine.embed(wanted).await;
        let outcome = match &embeddings {
            Ok(made) => Outcome::Finished(Usage {
                prompt_tokens: made.prompt_tokens,
                ..Usage::default()
            }),
            Err(_) => Outcome::Failed,
        };
        meter.end(outcome).await;
        Ok(CompletedEmbedding {
            model,
            embeddings: embeddings?,
        })
    }

    async fn reserve_vectors(&self, asker: &Asker, wanted: Embed) -> Result<Metered<Embed>> {
        let payer = asker.payer().clone();
        let (bill, desk) = (Bill::new(1, true), self.desk());
        let meter = move |wanted: Embed, charge: Option<Charge>| {
            let tally = Tally::new(estimated_vector_tokens(&wanted), None);
            let meter = Meter::new(&desk, &bill, charge, &wanted.model, tally);
            (wanted, meter)
        };
        if !payer.may_pay() {
            return Ok(meter(wanted, None));
        }
        let reserving = payer.clone();
        let write = move |tx: &WriteTx| {
            let mut wanted = wanted.clone();
            let terms = reserving.reserve_vectors(tx, &mut wanted)?;
            Ok(vec![(wanted, terms)])
        };
        let first = self.reserve_with(payer, write, meter).await?.pop();
        first.ok_or_else(|| Error::internal("nothing was reserved for vectors"))
    }
}

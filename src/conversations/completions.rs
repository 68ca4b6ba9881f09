//! Text and vectors for a program that keeps its own conversation. Nothing is stored but what it
//! costs, and when the program goes away the work is cancelled, since it could not come back for the
//! rest.

use std::sync::Arc;

use super::Conversations;
use super::charges::{Payer, Terms};
use super::metering::{CompletionStream, Meter};
use super::model_choice::Asker;
use super::promises::lane_of;
use crate::accounts::Caller;
use crate::engine::{Embed, Embeddings, Generate, Priority, Usage};
use crate::error::{Error, Result};
use crate::ids::MessageId;
use crate::models::AdapterChoice;
use crate::store::WriteTx;

pub struct CompletionRequest {
    /// None: the house's default.
    pub model: Option<String>,
    pub adapters: Vec<AdapterChoice>,
    /// What is asked, once for each answer. Model, adapters and lane are filled in here.
    pub generate: Vec<Generate>,
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

/// What is asked of the engine, and what it costs.
type Metered<T> = (T, Option<Meter>);

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
        let metered = self.reserve_each(&asker, wanted.collect()).await?;
        let (wanted, meters): (Vec<_>, Vec<_>) = metered.into_iter().unzip();
        let streams = wanted
            .into_iter()
            .map(|generate| self.engine.generate(generate))
            .collect::<Result<Vec<_>, _>>();
        let streams = match streams {
            Ok(streams) => streams,
            Err(error) => {
                for meter in meters.into_iter().flatten() {
                    meter.end(None).await;
                }
                return Err(error.into());
            }
        };
        let streams = streams.into_iter().zip(meters).map(|(stream, meter)| {
            CompletionStream::new(stream, meter, self.desk(), model.clone())
        });
        Ok(Completion {
            streams: streams.collect(),
            model,
        })
    }

    async fn reserve_each(
        &self,
        asker: &Asker,
        wanted: Vec<Generate>,
    ) -> Result<Vec<Metered<Generate>>> {
        let payer = asker.payer().clone();
        if !payer.may_pay() {
            return Ok(wanted
                .into_iter()
                .map(|generate| (generate, None))
                .collect());
        }
        let context_tokens = wanted
            .first()
            .map_or(0, |generate| asker.context_tokens(&generate.model));
        self.reserve_with(payer.clone(), move |tx| {
            let each = wanted.iter().cloned().map(|mut generate| {
                let id = MessageId::generate();
                let terms = payer.reserve(tx, id, &mut generate, context_tokens, false)?;
                Ok((generate, terms))
            });
            each.collect()
        })
        .await
    }

    /// In a task of its own: a caller that leaves in the middle leaves a meter, which gives back
    /// what was reserved.
    async fn reserve_with<T: Send + 'static>(
        &self,
        payer: Payer,
        write: impl Fn(&WriteTx) -> Result<Vec<(T, Terms)>> + Send + Sync + 'static,
    ) -> Result<Vec<Metered<T>>> {
        let (store, desk) = (Arc::clone(&self.store), self.desk());
        let reserved = self.tasks.spawn(async move {
            let reserved = payer.write(&store, write).await?;
            let has_failed = Arc::default();
            let metered = reserved.into_iter().map(|(asked, terms)| {
                let charge = terms.into_charge();
                (
                    asked,
                    charge.map(|charge| Meter::new(&desk, charge, &has_failed)),
                )
            });
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
        let (wanted, meter) = self.reserve_vectors(&asker, wanted).await?;
        let embeddings = self.engine.embed(wanted).await;
        if let Some(meter) = meter {
            let usage = |made: &Embeddings| Usage {
                prompt_tokens: made.prompt_tokens,
                ..Usage::default()
            };
            meter.end(embeddings.as_ref().ok().map(usage)).await;
        }
        Ok(CompletedEmbedding {
            model,
            embeddings: embeddings?,
        })
    }

    async fn reserve_vectors(&self, asker: &Asker, wanted: Embed) -> Result<Metered<Embed>> {
        let payer = asker.payer().clone();
        if !payer.may_pay() {
            return Ok((wanted, None));
        }
        let metered = self.reserve_with(payer.clone(), move |tx| {
            let mut wanted = wanted.clone();
            let terms = payer.reserve_vectors(tx, MessageId::generate(), &mut wanted)?;
            Ok(vec![(wanted, terms)])
        });
        let first = metered.await?.pop();
        first.ok_or_else(|| Error::internal("nothing was reserved for vectors"))
    }
}

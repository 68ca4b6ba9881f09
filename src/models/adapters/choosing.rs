//! Who may put which adapters on which model. Every way to a reply passes [`Adapters::resolve`].
//! An adapter that a caller may not use is one that does not exist.

use serde_json::json;

use super::{Adapter, Adapters};
use crate::accounts::{Access, AccessKind, Caller, UserRole};
use crate::engine::{ADAPTER_SCALE, AdapterUse, MAX_ADAPTERS};
use crate::error::{Error, Reason, Result};
use crate::store::adapters::{AdapterAudience, AdapterRecord};

/// An adapter that somebody asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterChoice {
    pub id: String,
    /// None: as the adapter's default is.
    pub scale: Option<f32>,
}

impl From<AdapterUse> for AdapterChoice {
    fn from(used: AdapterUse) -> Self {
        Self {
            id: used.id,
            scale: Some(used.scale),
        }
    }
}

fn may_use(caller: &Caller, access: &Access, record: &AdapterRecord) -> bool {
    let is_in_audience = match record.audience {
        AdapterAudience::Everybody => true,
        AdapterAudience::Administrators => caller.role() == UserRole::Admin,
    };
    is_in_audience
        && access.allows(AccessKind::Feature, "adapters")
        && access.allows(AccessKind::Adapter, &record.id)
}

fn wrong(sentence: impl Into<String>) -> Error {
    Error::invalid_field("adapters", sentence)
}

impl Adapters {
    /// What the caller may use now, by id.
    pub fn list_usable(&self, caller: &Caller, access: &Access) -> Vec<AdapterRecord> {
        let shelf = self.shelf();
        let usable = shelf.iter().filter(|adapter| {
            adapter.trouble.is_none() && may_use(caller, access, &adapter.record)
        });
        usable.map(|adapter| adapter.record.clone()).collect()
    }

    /// What the engine is asked for, each with its scale. The error names the field `adapters`.
    pub fn resolve(
        &self,
        caller: &Caller,
        access: &Access,
        model: &str,
        choices: &[AdapterChoice],
    ) -> Result<Vec<AdapterUse>> {
        if choices.len() > MAX_ADAPTERS {
            let sentence = format!("at most {MAX_ADAPTERS} adapters can be used together");
            return Err(wrong(sentence)
                .with_details(json!({ "maximum": MAX_ADAPTERS }))
                .with_reason(Reason::TooManyAdapters));
        }
        let shelf = self.shelf();
        let mut uses: Vec<AdapterUse> = Vec::with_capacity(choices.len());
        for choice in choices {
            let chosen = choose(&shelf, caller, access, model, choice)?;
            if uses.iter().any(|other| other.id == chosen.id) {
                let sentence = format!("the adapter \"{}\" is named twice", chosen.id);
                return Err(wrong(sentence));
            }
            uses.push(chosen);
        }
        Ok(uses)
    }
}

fn choose(
    shelf: &[Adapter],
    caller: &Caller,
    access: &Access,
    model: &str,
    choice: &AdapterChoice,
) -> Result<AdapterUse> {
    let AdapterChoice { id, scale } = choice;
    let permitted =
        |adapter: &&Adapter| adapter.record.id == *id && may_use(caller, access, &adapter.record);
    let Some(Adapter { record, trouble }) = shelf.iter().find(permitted) else {
        let id: String = id.chars().take(80).collect();
        let sentence = format!("there is no adapter named \"{id}\"; choose another one, or none");
        return Err(wrong(sentence)
            .with_details(json!({ "name": id }))
            .with_reason(Reason::AdapterUnknown));
    };
    if record.base != model {
        let sentence = format!(
            "the adapter \"{id}\" is made for the model {}, and {model} is to answer; choose that model, or leave the adapter out",
            record.base
        );
        return Err(wrong(sentence)
            .with_details(json!({ "name": record.name, "model": record.base }))
            .with_reason(Reason::AdapterOfOtherModel));
    }
    if let Some(reason) = trouble {
        let sentence = format!("the adapter \"{id}\" cannot be used: {reason}");
        return Err(wrong(sentence)
            .with_details(json!({ "name": record.name }))
            .with_reason(Reason::AdapterUnusable));
    }
    let scale = scale.unwrap_or(record.default_scale);
    if !ADAPTER_SCALE.contains(&scale) {
        let sentence = format!("the scale of the adapter \"{id}\" must be between -4 and 4");
        let (least, most) = (ADAPTER_SCALE.start(), ADAPTER_SCALE.end());
        return Err(wrong(sentence).with_limits(Reason::OutOfRange, *least, *most));
    }
    Ok(AdapterUse {
        id: id.clone(),
        scale,
    })
}

//! What a server says of its models at `GET /models`. Every server adds what it likes; what helps is
//! taken, the rest is passed over. Pure; called by `upstream`.

use std::collections::HashSet;

use serde_json::Value;

use super::question::ServerKind;
use super::source::is_model_id;

const MAX_LISTED: usize = 1000;
/// Where servers say what a conversation may hold, the surest first.
const CONTEXT_FIELDS: [&str; 6] = [
    "/max_model_len",
    "/meta/n_ctx",
    "/context_length",
    "/context_window",
    "/max_context_length",
    "/meta/n_ctx_train",
];

/// What stands in the names of models that make vectors of texts and write nothing.
const VECTOR_NAMES: [&str; 3] = ["embed", "bge-", "minilm"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedModel {
    pub(super) id: String,
    pub(super) context_tokens: Option<u32>,
    pub(super) parameters: u64,
    pub(super) size_bytes: u64,
    pub(super) kind: ServerKind,
}

impl ListedModel {
    /// No server says what its models are for, so their names are believed. It decides what is
    /// proposed, and refuses nothing.
    pub(super) fn is_for_vectors(&self) -> bool {
        let id = self.id.to_lowercase();
        VECTOR_NAMES.iter().any(|name| id.contains(name))
    }

    /// All that is known of a model nobody has listed.
    pub(super) fn named(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            context_tokens: None,
            parameters: 0,
            size_bytes: 0,
            kind: ServerKind::Unknown,
        }
    }
}

/// None: this is no list of models.
pub(super) fn parse(body: &[u8]) -> Option<Vec<ListedModel>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let list = body.get("data").unwrap_or(&body).as_array()?;
    let mut seen = HashSet::new();
    let models = list
        .iter()
        .filter_map(listed)
        .filter(|model| seen.insert(model.id.clone()))
        .take(MAX_LISTED)
        .collect();
    Some(models)
}

fn listed(model: &Value) -> Option<ListedModel> {
    let id = model.get("id")?.as_str().filter(|id| is_model_id(id))?;
    let number = |pointer: &str| model.pointer(pointer).and_then(Value::as_u64);
    let context = CONTEXT_FIELDS.iter().find_map(|field| number(field));
    let owner = model.get("owned_by").and_then(Value::as_str);
    Some(ListedModel {
        context_tokens: context.and_then(|tokens| u32::try_from(tokens).ok()),
        parameters: number("/meta/n_params").unwrap_or(0),
        size_bytes: number("/meta/size").unwrap_or(0),
        kind: ServerKind::of_owner(owner.unwrap_or_default()),
        ..ListedModel::named(id)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_lists_of_all_servers_are_understood() {
        let llama = json!({"object": "list", "data": [{"id": "qwen.gguf", "owned_by": "llamacpp",
            "meta": {"n_ctx_train": 32768, "n_params": 8_000_000_000_u64, "size": 5_000_000_000_u64}}]});
        let model = &parse(llama.to_string().as_bytes()).unwrap()[0];
        assert_eq!(
            (model.id.as_str(), model.context_tokens),
            ("qwen.gguf", Some(32768))
        );
        assert_eq!(
            (model.parameters, model.kind),
            (8_000_000_000, ServerKind::LlamaServer)
        );
        let vllm = json!({"data": [{"id": "a/b", "owned_by": "vllm", "max_model_len": 4096}]});
        let model = &parse(vllm.to_string().as_bytes()).unwrap()[0];
        assert_eq!(
            (model.context_tokens, model.kind),
            (Some(4096), ServerKind::Vllm)
        );
        let bare = json!([{"id": "x"}, {"id": "x"}, {"id": ""}, {"id": 3}, {}, null]);
        let models = parse(bare.to_string().as_bytes()).unwrap();
        assert_eq!(models, [ListedModel::named("x")]);
    }

    #[test]
    fn what_makes_vectors_is_told_by_its_name() {
        for (id, vectors) in [
            ("text-embedding-3-small", true),
            ("nomic-embed-text:latest", true),
            ("BAAI/bge-m3", true),
            ("all-minilm:33m", true),
            ("gpt-5", false),
            ("qwen3:8b", false),
        ] {
            assert_eq!(ListedModel::named(id).is_for_vectors(), vectors, "{id}");
        }
    }

    #[test]
    fn what_is_no_list_is_none() {
        for body in ["", "<html>", "{}", "{\"data\": {}}", "3"] {
            assert_eq!(parse(body.as_bytes()), None, "{body}");
        }
    }
}

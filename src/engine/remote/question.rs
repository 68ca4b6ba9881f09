//! A [`Generate`] as the body of `POST /chat/completions`.
//!
//! Nothing that would change the answer is silently left out: what such a server cannot be told is
//! refused by name, and what it refuses by itself comes back with its words. Pure; called by `reply`.

use serde_json::{Map, Value, json};

use super::super::{
    ChatMessage, EngineError, Generate, OutputFormat, Reasoning, Role, Tool, ToolChoice,
};
use super::source::Continuation;

/// What a server is, as far as it says so in its list of models.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ServerKind {
    #[default]
    Unknown,
    LlamaServer,
    /// vLLM and SGLang.
    Vllm,
    Ollama,
}

impl ServerKind {
    pub(super) fn of_owner(owned_by: &str) -> Self {
        match owned_by {
            "llamacpp" => Self::LlamaServer,
            "vllm" | "sglang" => Self::Vllm,
            "library" => Self::Ollama,
            _ => Self::Unknown,
        }
    }

    fn continuation(self) -> Continuation {
        match self {
            Self::LlamaServer | Self::Ollama => Continuation::LastMessage,
            Self::Vllm => Continuation::Flagged,
            Self::Unknown => Continuation::Unsupported,
        }
    }

    /// Whether it hands variables to the model's own template.
    fn has_template(self) -> bool {
        matches!(self, Self::LlamaServer | Self::Vllm)
    }
}

/// How a server wants to be spoken to: what was found out by being refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Dialect {
    /// It knows `max_completion_tokens` and refuses `max_tokens`.
    pub(super) new_max_tokens: bool,
    /// It refuses `stream_options`; usage is then counted here.
    pub(super) no_stream_options: bool,
}

/// Whether this can be asked of a remote model at all. The field is named as an OpenAI client names it.
pub(super) fn check(request: &Generate) -> Result<(), EngineError> {
    if request.raw_prompt.is_some() {
        let reason = "this model runs on another server, which is asked in messages alone";
        return refuse("prompt", reason);
    }
    if !request.adapters.is_empty() {
        let reason = "this model runs on another server, where the house has no adapters";
        return refuse("lora", reason);
    }
    if matches!(request.format, OutputFormat::Grammar(_)) {
        let reason = "this model runs on another server, which takes a JSON schema and no grammar";
        return refuse("grammar", reason);
    }
    if let OutputFormat::JsonSchema(schema) = &request.format {
        parse_json("response_format", schema)?;
    }
    for tool in &request.tools {
        tool_json(tool)?;
    }
    Ok(())
}

/// How a reply that was begun is continued; the error says that it cannot be.
pub(super) fn continuation(
    wanted: Option<Continuation>,
    kind: ServerKind,
) -> Result<Continuation, EngineError> {
    match wanted.unwrap_or_else(|| kind.continuation()) {
        Continuation::Unsupported => Err(EngineError::InvalidRequest(
            "this model's server cannot go on with a reply that was begun; ask for a new one"
                .into(),
        )),
        continuation => Ok(continuation),
    }
}

/// Everything the body depends on.
pub(super) struct Question<'a> {
    pub(super) request: &'a Generate,
    /// What is left of its messages.
    pub(super) messages: &'a [ChatMessage],
    /// The server's own name of it.
    pub(super) model: &'a str,
    pub(super) kind: ServerKind,
    pub(super) dialect: Dialect,
    /// Counts only where something is written.
    pub(super) continuation: Continuation,
}

impl Question<'_> {
    pub(super) fn body(&self) -> Result<Value, EngineError> {
        let request = self.request;
        let mut body = Map::new();
        body.insert("model".into(), json!(self.model));
        let said = self.messages.iter();
        let mut said: Vec<Value> = said
            .map(|message| message_json(message, self.kind))
            .collect();
        if !request.written.is_empty() {
            said.push(json!({ "role": "assistant", "content": request.written }));
            if self.continuation == Continuation::Flagged {
                body.insert("continue_final_message".into(), json!(true));
                body.insert("add_generation_prompt".into(), json!(false));
            }
        }
        body.insert("messages".into(), Value::Array(said));
        body.insert("stream".into(), json!(true));
        if !self.dialect.no_stream_options {
            body.insert("stream_options".into(), json!({ "include_usage": true }));
        }
        add_sampling(&mut body, request);
        add_limits(&mut body, request, self.dialect);
        add_tools(&mut body, request)?;
        add_format(&mut body, request)?;
        add_reasoning(&mut body, request, self.kind);
        Ok(Value::Object(body))
    }
}

fn message_json(message: &ChatMessage, kind: ServerKind) -> Value {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let mut said = json!({ "role": role, "content": message.content });
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|call| {
            json!({
                "id": call.id,
                "type": "function",
                "function": { "name": call.name, "arguments": call.arguments },
            })
        });
        said["tool_calls"] = calls.collect();
        if message.content.is_empty() {
            said["content"] = Value::Null;
        }
    }
    // Others refuse it.
    if !message.reasoning.is_empty() && kind.has_template() {
        said["reasoning_content"] = json!(message.reasoning);
    }
    if message.role == Role::Tool {
        said["tool_call_id"] = json!(message.tool_call_id);
    }
    said
}

fn add_sampling(body: &mut Map<String, Value>, request: &Generate) {
    let sampling = &request.sampling;
    let numbers = [
        ("temperature", sampling.temperature),
        ("top_p", sampling.top_p),
        ("min_p", sampling.min_p),
        // One name is llama-server's and Ollama's, the other vLLM's; each passes over the other's.
        ("repeat_penalty", sampling.repeat_penalty),
        ("repetition_penalty", sampling.repeat_penalty),
        ("presence_penalty", sampling.presence_penalty),
        ("frequency_penalty", sampling.frequency_penalty),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            body.insert(name.into(), json!(shortest(number)));
        }
    }
    if let Some(top_k) = sampling.top_k {
        body.insert("top_k".into(), json!(top_k));
    }
    if let Some(seed) = sampling.seed {
        body.insert("seed".into(), json!(seed));
    }
    if !sampling.logit_bias.is_empty() {
        let biases = sampling.logit_bias.iter();
        let biases: Map<String, Value> = biases
            .map(|(token, bias)| (token.to_string(), json!(shortest(*bias))))
            .collect();
        body.insert("logit_bias".into(), biases.into());
    }
}

/// 0.7 and not 0.699999988079071.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}

fn add_limits(body: &mut Map<String, Value>, request: &Generate, dialect: Dialect) {
    if !request.stop.is_empty() {
        body.insert("stop".into(), json!(request.stop));
    }
    if let Some(max_tokens) = request.max_tokens {
        let name = match dialect.new_max_tokens {
            true => "max_completion_tokens",
            false => "max_tokens",
        };
        body.insert(name.into(), json!(max_tokens));
    }
    if request.ignore_end {
        body.insert("ignore_eos".into(), json!(true));
    }
    if let Some(likeliest) = request.chances {
        body.insert("logprobs".into(), json!(true));
        if likeliest > 0 {
            body.insert("top_logprobs".into(), json!(likeliest));
        }
    }
}

fn add_tools(body: &mut Map<String, Value>, request: &Generate) -> Result<(), EngineError> {
    if request.tools.is_empty() {
        return Ok(());
    }
    let tools: Result<Vec<Value>, EngineError> = request.tools.iter().map(tool_json).collect();
    body.insert("tools".into(), Value::Array(tools?));
    let choice = match &request.tool_choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({ "type": "function", "function": { "name": name } }),
    };
    body.insert("tool_choice".into(), choice);
    // Not every server knows it, and true is what all of them do.
    if !request.parallel_tool_calls {
        body.insert("parallel_tool_calls".into(), json!(false));
    }
    Ok(())
}

fn tool_json(tool: &Tool) -> Result<Value, EngineError> {
    let parameters = match tool.parameters.is_empty() {
        true => json!({ "type": "object", "properties": {} }),
        false => parse_json("tools", &tool.parameters)?,
    };
    Ok(json!({
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": parameters,
        },
    }))
}

fn add_format(body: &mut Map<String, Value>, request: &Generate) -> Result<(), EngineError> {
    let format = match &request.format {
        OutputFormat::Text | OutputFormat::Grammar(_) => return Ok(()),
        OutputFormat::JsonObject => json!({ "type": "json_object" }),
        OutputFormat::JsonSchema(schema) => json!({
            "type": "json_schema",
            "json_schema": {
                "name": "answer",
                "strict": true,
                "schema": parse_json("response_format", schema)?,
            },
        }),
    };
    body.insert("response_format".into(), format);
    Ok(())
}

fn add_reasoning(body: &mut Map<String, Value>, request: &Generate, kind: ServerKind) {
    // It cannot be told what was thought already, but not to think any more.
    let over = request.answer_now.then_some(Reasoning::Off);
    let Some(reasoning) = over.or(request.reasoning) else {
        return;
    };
    let effort = match reasoning {
        Reasoning::Off => "none",
        Reasoning::Low => "low",
        Reasoning::Medium => "medium",
        Reasoning::High => "high",
    };
    if kind.has_template() {
        let thinks = reasoning != Reasoning::Off;
        body.insert(
            "chat_template_kwargs".into(),
            json!({ "enable_thinking": thinks }),
        );
        if !thinks {
            return;
        }
    }
    body.insert("reasoning_effort".into(), json!(effort));
}

fn parse_json(field: &str, text: &str) -> Result<Value, EngineError> {
    serde_json::from_str(text).map_err(|error| EngineError::InvalidField {
        field: field.to_owned(),
        reason: format!("this is not JSON: {error}"),
    })
}

fn refuse(field: &str, reason: &str) -> Result<(), EngineError> {
    Err(EngineError::InvalidField {
        field: field.to_owned(),
        reason: reason.to_owned(),
    })
}

#[cfg(test)]
#[path = "question_tests.rs"]
mod tests;

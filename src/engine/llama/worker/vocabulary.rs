//! A model's tokens: text to tokens and back, and the template it was trained with.
//!
//! The pieces of a prompt are tokenised one by one, so that no special token arises where a message
//! holds the text of one; in between, a piece must get the tokens it would have had in the middle.

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token_type::LlamaTokenAttr;
use llama_cpp_2::vocab::LlamaVocab;

use crate::engine::parse::{Dialect, ReplyStart};
use crate::engine::prompt::guard::SpecialTexts;
use crate::engine::prompt::{ChatTemplate, PromptRequest, TemplateError};
use crate::engine::{ChatMessage, Role};

/// Never part of a vocabulary, so it is always spelled in bytes and merges with nothing.
const FENCE: &str = "\u{FDD1}";
/// What nobody says.
const SOMEBODY: &str = "\u{FDD2}";

/// A prompt in tokens, and how to read what comes after it.
pub(in super::super) struct TokenPrompt {
    pub(in super::super) tokens: Vec<i32>,
    pub(in super::super) dialect: Dialect,
    pub(in super::super) start: ReplyStart,
}

pub(in super::super) struct Vocabulary<'model> {
    vocab: LlamaVocab<'model>,
    template: ChatTemplate,
    specials: SpecialTexts,
    bos: Option<LlamaToken>,
    /// The fence in tokens, for vocabularies that put a space before any text.
    fence: Option<Vec<LlamaToken>>,
}

impl<'model> Vocabulary<'model> {
    /// The error says in words why nobody can chat with the model.
    pub(in super::super) fn of(model: &'model LlamaModel) -> Result<Self, String> {
        let vocab = model.vocab();
        let kind = model
            .meta_val_str("tokenizer.ggml.model")
            .unwrap_or_default();
        if vocab.n_tokens() <= 0 || kind.is_empty() || kind == "none" || kind == "no_vocab" {
            return Err("it has no vocabulary".into());
        }
        let text_of = |token: LlamaToken| {
            let valid = (0..vocab.n_tokens()).contains(&token.0);
            let text = valid.then(|| vocab.text(token)).flatten();
            text.map(|text| text.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let source = model.meta_val_str("tokenizer.chat_template").ok();
        let template = ChatTemplate::compile(
            source.as_deref(),
            &text_of(vocab.bos()),
            &text_of(vocab.eos()),
        )
        .map_err(|error| error.to_string())?;
        let specials = SpecialTexts::new(vocab.tokens().filter_map(|token| {
            let attributes = vocab.attr(token);
            let control = attributes.intersects(LlamaTokenAttr::Control | LlamaTokenAttr::Unknown);
            let special = control || attributes.contains(LlamaTokenAttr::UserDefined);
            special.then(|| (text_of(token), control))
        }));
        let bos = (vocab.should_add_bos() && vocab.bos().0 >= 0).then(|| vocab.bos());
        let fence = (kind == "llama").then(|| vocab.tokenize(FENCE.as_bytes(), false, false));
        Ok(Self {
            vocab,
            template,
            specials,
            bos,
            fence,
        })
    }

    /// How many of the first tokens of `prompt` follow from the house's messages alone.
    pub(in super::super) fn house_tokens(
        &self,
        house: &[ChatMessage],
        prompt: &[i32],
    ) -> Result<u32, TemplateError> {
        let mut messages = house.to_vec();
        messages.push(ChatMessage::new(Role::User, SOMEBODY));
        let other = self.prompt(&PromptRequest {
            messages: &messages,
            ..PromptRequest::default()
        })?;
        let common = other
            .tokens
            .iter()
            .zip(prompt)
            .take_while(|(one, other)| one == other);
        Ok(u32::try_from(common.count()).unwrap_or(u32::MAX))
    }

    /// The prompt in tokens, up to where the model goes on writing.
    pub(in super::super) fn prompt(
        &self,
        request: &PromptRequest<'_>,
    ) -> Result<TokenPrompt, TemplateError> {
        let prompt = self.template.render(request, &self.specials)?;
        Ok(TokenPrompt {
            tokens: self.tokens_of(&prompt.pieces),
            dialect: prompt.dialect,
            start: prompt.start,
        })
    }

    fn tokens_of(&self, pieces: &[String]) -> Vec<i32> {
        let mut tokens = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            if index == 0 {
                tokens = self.vocab.tokenize(piece.as_bytes(), false, true);
            } else {
                tokens.extend(self.continue_with(piece));
            }
        }
        if let Some(bos) = self.bos.filter(|bos| tokens.first() != Some(bos)) {
            tokens.insert(0, bos);
        }
        tokens.into_iter().map(|token| token.0).collect()
    }

    /// The tokens of text in the middle of other text.
    fn continue_with(&self, piece: &str) -> Vec<LlamaToken> {
        if let Some(fence) = &self.fence {
            let fenced = self
                .vocab
                .tokenize(format!("{FENCE}{piece}").as_bytes(), false, true);
            if let Some(tokens) = fenced.strip_prefix(fence.as_slice()) {
                return tokens.to_vec();
            }
        }
        self.vocab.tokenize(piece.as_bytes(), false, true)
    }

    /// The one special token with exactly this text.
    pub(in super::super) fn find_special(&self, text: &str) -> Option<i32> {
        let tokens = self.vocab.tokenize(text.as_bytes(), false, true);
        let [token] = tokens[..] else {
            return None;
        };
        let attributes = self.vocab.attr(token);
        let special = LlamaTokenAttr::Control | LlamaTokenAttr::UserDefined;
        attributes.intersects(special).then_some(token.0)
    }

    /// The text of a special token, which is mostly no part of a reply.
    pub(in super::super) fn special_bytes_of(&self, token: i32) -> Vec<u8> {
        self.vocab.token_to_piece(LlamaToken(token), true, None)
    }

    /// The bytes a token stands for; none for control tokens.
    pub(in super::super) fn bytes_of(&self, token: i32) -> Vec<u8> {
        self.vocab.token_to_piece(LlamaToken(token), false, None)
    }

    pub(in super::super) fn ends_reply(&self, token: i32) -> bool {
        self.vocab.is_eog(LlamaToken(token))
    }

    /// A text as a whole, as the model was trained to see one. Nothing in it acts as a special token.
    pub(in super::super) fn text(&self, text: &str) -> Vec<i32> {
        let tokens = self.vocab.tokenize(text.as_bytes(), true, false);
        tokens.into_iter().map(|token| token.0).collect()
    }

    /// All tokens that end a reply.
    pub(in super::super) fn ends(&self) -> Vec<i32> {
        (0..self.size())
            .filter(|&token| self.ends_reply(token))
            .collect()
    }

    pub(in super::super) fn size(&self) -> i32 {
        self.vocab.n_tokens()
    }
}

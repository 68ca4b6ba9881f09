//! The same conversation for templates that want it simpler, and how to see that from their text.
//!
//! Templates are written by strangers for one model each; what they do not take they refuse with an
//! error, and then these forms are tried.

use super::shown::Shown;
use crate::engine::Role;

/// The system message becomes the beginning of the first user message, and neighbours of one role
/// become one. None when nothing changes.
pub(super) fn plainer(messages: &[Shown]) -> Option<Vec<Shown>> {
    let mut result: Vec<Shown> = Vec::new();
    for message in messages {
        let role = match message.role {
            Role::System => Role::User,
            role => role,
        };
        let joins = |last: &Shown| {
            last.role == role
                && role != Role::Tool
                && last.calls.is_empty()
                && message.calls.is_empty()
        };
        match result.last_mut() {
            Some(last) if joins(last) => {
                last.content.push_str("\n\n");
                last.content.push_str(&message.content);
            }
            _ => result.push(Shown {
                role,
                ..message.clone()
            }),
        }
    }
    (result != messages).then_some(result)
}

/// Each of several calls of one message becomes a message, with its answer behind it. None when
/// there are none such.
pub(super) fn one_call_each(messages: &[Shown]) -> Option<Vec<Shown>> {
    if messages.iter().all(|message| message.calls.len() < 2) {
        return None;
    }
    let mut result = Vec::with_capacity(messages.len() * 2);
    let mut rest = messages.iter().peekable();
    while let Some(message) = rest.next() {
        if message.calls.len() < 2 {
            result.push(message.clone());
            continue;
        }
        let mut answers = Vec::new();
        while let Some(answer) = rest.next_if(|next| next.role == Role::Tool) {
            answers.push(answer.clone());
        }
        for (index, call) in message.calls.iter().enumerate() {
            let mut single = Shown {
                calls: vec![call.clone()],
                ..message.clone()
            };
            if index > 0 {
                single.content.clear();
                single.reasoning.clear();
            }
            result.push(single);
            if let Some(at) = answers.iter().position(|answer| answer.call_id == call.id) {
                result.push(answers.remove(at));
            }
        }
        result.append(&mut answers);
    }
    Some(result)
}

/// A template that puts arguments together with other text, and neither turns them into JSON nor
/// looks whether they are text.
pub(super) fn wants_arguments_as_text(source: &str) -> bool {
    let mut uses = source.match_indices("arguments").map(|(at, word)| {
        let after = &source[at + word.len()..];
        after.trim_start_matches(['\'', '"', ']', ' '])
    });
    let takes_object = |after: &str| {
        let filter = after.strip_prefix('|').map(str::trim_start);
        filter.is_some_and(|filter| filter.starts_with("tojson") || filter.starts_with("items"))
            || after.starts_with("is string")
            || after.starts_with("is mapping")
    };
    let mut is_added = false;
    let takes_object = uses.any(|after| {
        is_added |= after.starts_with('+') || after.starts_with('~') || after.starts_with("}}");
        takes_object(after)
    });
    is_added && !takes_object
}

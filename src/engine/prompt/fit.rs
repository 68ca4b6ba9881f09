//! Makes a conversation fit: leaves out the oldest turns until the prompt is short enough.
//!
//! The leading system messages and everything from the latest user message on always stay, and what
//! is left begins with a user message, as templates expect.

use super::super::{ChatMessage, EngineError, Role};

/// A text of so many bytes for each token there is room for may well fit.
const LIKELY_BYTES_A_TOKEN: usize = 4;

/// The longest end of `messages` whose prompt has at most `limit_tokens`, and how many messages were
/// left out. `count` gives a prompt's tokens. It is asked a few times, and seldom about much more
/// than fits, however long the history is. With `trim` false, or when not even the shortest end
/// fits: `ContextTooLong`.
pub fn fit_history(
    messages: &[ChatMessage],
    limit_tokens: u32,
    trim: bool,
    mut count: impl FnMut(&[ChatMessage]) -> Result<u32, EngineError>,
) -> Result<(Vec<ChatMessage>, u32), EngineError> {
    let too_long = |tokens| EngineError::ContextTooLong {
        tokens,
        limit: limit_tokens,
    };
    let starts = possible_starts(messages);
    // Nothing before `low` fits, everything from `high` on does: a later start is never longer.
    let (mut low, mut high) = (0, starts.len());
    if !trim || may_fit(messages, limit_tokens) {
        let tokens = count(messages)?;
        if tokens <= limit_tokens {
            return Ok((messages.to_vec(), 0));
        }
        if !trim || starts.len() == 1 {
            return Err(too_long(tokens));
        }
        low = 1;
    }
    // Back from the newest turn in growing strides; once one goes too far, by halving.
    let mut stride = Some(1);
    while low < high {
        let at = match stride {
            Some(turns) => high.saturating_sub(turns).max(low),
            None => usize::midpoint(low, high),
        };
        let tokens = count(&starting_at(messages, starts[at]))?;
        if tokens <= limit_tokens {
            high = at;
            stride = stride.map(|turns| turns * 2);
        } else if high == starts.len() {
            return Err(too_long(tokens));
        } else {
            low = at + 1;
            stride = None;
        }
    }
    let fitting = starting_at(messages, starts[high]);
    let left_out = messages.len() - fitting.len();
    Ok((fitting, u32::try_from(left_out).unwrap_or(u32::MAX)))
}

fn may_fit(messages: &[ChatMessage], limit_tokens: u32) -> bool {
    let bytes: usize = messages.iter().map(|message| message.content.len()).sum();
    bytes / LIKELY_BYTES_A_TOKEN <= limit_tokens as usize
}

fn leading_system(messages: &[ChatMessage]) -> usize {
    messages
        .iter()
        .take_while(|message| message.role == Role::System)
        .count()
}

/// Where the history may begin: where it does, or at each later user message.
fn possible_starts(messages: &[ChatMessage]) -> Vec<usize> {
    let first = leading_system(messages);
    let later = (first + 1..messages.len()).filter(|&at| messages[at].role == Role::User);
    std::iter::once(first).chain(later).collect()
}

fn starting_at(messages: &[ChatMessage], start: usize) -> Vec<ChatMessage> {
    let system = leading_system(messages);
    [&messages[..system], &messages[start..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(turns: usize) -> Vec<ChatMessage> {
        let message = |role, content: String| ChatMessage::new(role, content);
        let mut messages = vec![message(Role::System, "s".into())];
        for turn in 0..turns {
            messages.push(message(Role::User, format!("u{turn}")));
            messages.push(message(Role::Assistant, format!("a{turn}")));
        }
        messages.push(message(Role::User, "last".into()));
        messages
    }

    fn fit(
        messages: &[ChatMessage],
        limit: u32,
        trim: bool,
    ) -> Result<(Vec<ChatMessage>, u32), EngineError> {
        fit_history(messages, limit, trim, |messages| {
            Ok(u32::try_from(messages.len()).unwrap() * 10)
        })
    }

    #[test]
    fn the_oldest_turns_go_first_and_no_more_than_needed() {
        // The one is counted whole at first, the other from its end.
        let lengths = [conversation(10), conversation(1000)];
        let cases = lengths
            .iter()
            .flat_map(|messages| (20..240).map(move |limit| (messages, limit)));
        for (messages, limit) in cases {
            let (fitting, left_out) = fit(messages, limit, true).unwrap();
            assert!(fitting.len() * 10 <= limit as usize);
            assert_eq!(fitting[0].role, Role::System);
            assert_eq!(fitting[1].role, Role::User);
            assert_eq!(fitting.last().unwrap().content, "last");
            assert_eq!(fitting.len() + left_out as usize, messages.len());
            assert!(
                left_out == 0 || (fitting.len() + 2) * 10 > limit as usize,
                "limit {limit}"
            );
        }
    }

    #[test]
    fn a_history_of_any_length_costs_what_fits() {
        let messages = conversation(10_000);
        let mut counted = 0;
        let fitting = fit_history(&messages, 1000, true, |messages| {
            counted += messages.len();
            Ok(u32::try_from(messages.len()).unwrap() * 10)
        });
        assert_eq!(fitting.unwrap().0.len(), 100);
        // The strides come to less than four times of it, each halving to less than twice.
        assert!(counted < 100 * 20, "{counted} messages were counted");
    }

    #[test]
    fn what_cannot_fit_is_refused_with_its_size() {
        let messages = conversation(3);
        let refused = EngineError::ContextTooLong {
            tokens: 20,
            limit: 15,
        };
        assert_eq!(fit(&messages, 15, true).unwrap_err(), refused);
        let refused = EngineError::ContextTooLong {
            tokens: 80,
            limit: 50,
        };
        assert_eq!(fit(&messages, 50, false).unwrap_err(), refused);
        let alone = &messages[7..];
        assert!(fit(alone, 5, true).is_err());
    }
}

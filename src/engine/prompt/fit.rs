//! Makes a conversation fit: leaves out the oldest turns until the prompt is short enough.
//!
//! The leading system messages and everything from the latest user message on always stay, and what
//! is left begins with a user message, as templates expect.

use super::super::{ChatMessage, EngineError, Role};

/// The longest end of `messages` whose prompt has at most `limit_tokens`, and how many messages were
/// left out. `count` gives a prompt's tokens; it is asked only a few times. With `trim` false, or
/// when not even the shortest end fits: `ContextTooLong`.
pub fn fit_history<E: From<EngineError>>(
    messages: &[ChatMessage],
    limit_tokens: u32,
    trim: bool,
    mut count: impl FnMut(&[ChatMessage]) -> Result<u32, E>,
) -> Result<(Vec<ChatMessage>, u32), E> {
    let tokens = count(messages)?;
    if tokens <= limit_tokens {
        return Ok((messages.to_vec(), 0));
    }
    let too_long = |tokens| EngineError::ContextTooLong {
        tokens,
        limit: limit_tokens,
    };
    let starts = possible_starts(messages);
    let Some(&last) = starts.last().filter(|_| trim) else {
        return Err(too_long(tokens).into());
    };
    let shortest = count(&starting_at(messages, last))?;
    if shortest > limit_tokens {
        return Err(too_long(shortest).into());
    }
    // A later start is never longer, so the earliest that fits is found by halving.
    let (mut low, mut high) = (0, starts.len() - 1);
    while low < high {
        let middle = usize::midpoint(low, high);
        if count(&starting_at(messages, starts[middle]))? <= limit_tokens {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    let fitting = starting_at(messages, starts[low]);
    let left_out = messages.len() - fitting.len();
    Ok((fitting, u32::try_from(left_out).unwrap_or(u32::MAX)))
}

fn leading_system(messages: &[ChatMessage]) -> usize {
    messages
        .iter()
        .take_while(|message| message.role == Role::System)
        .count()
}

/// Where the history may begin instead: at each later user message.
fn possible_starts(messages: &[ChatMessage]) -> Vec<usize> {
    let first = leading_system(messages) + 1;
    (first..messages.len())
        .filter(|&at| messages[at].role == Role::User)
        .collect()
}

fn starting_at(messages: &[ChatMessage], start: usize) -> Vec<ChatMessage> {
    let system = leading_system(messages);
    [&messages[..system], &messages[start..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(turns: usize) -> Vec<ChatMessage> {
        let message = |role, content: String| ChatMessage { role, content };
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
        let messages = conversation(10);
        for limit in 20..240 {
            let (fitting, left_out) = fit(&messages, limit, true).unwrap();
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

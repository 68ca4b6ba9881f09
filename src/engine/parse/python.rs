//! Calls written in Python, as Gemma and Llama sometimes do: `name(key=value, …)` with plain values,
//! several of them one a line or in a list, each also within `print(…)`.
//!
//! Whatever is more than that is a program, and no call.

use serde_json::Value;

const DEPTH_LIMIT: u32 = 32;

/// Names and arguments, as JSON; None where it is anything else, or nothing.
pub(super) fn python_calls(text: &str) -> Option<Vec<(String, String)>> {
    let mut reader = Reader {
        rest: text.trim(),
        depth: 0,
    };
    let mut calls = Vec::new();
    let in_list = reader.eat("[");
    loop {
        reader.blank();
        if reader.rest.is_empty() || (in_list && reader.rest == "]") {
            break;
        }
        calls.push(reader.printed_call()?);
        reader.blank();
        let _separated = reader.eat(",") || reader.eat(";");
    }
    (!calls.is_empty()).then_some(calls)
}

struct Reader<'a> {
    rest: &'a str,
    depth: u32,
}

impl Reader<'_> {
    fn blank(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, text: &str) -> bool {
        self.blank();
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> Option<String> {
        self.blank();
        let within = |char: char| char.is_alphanumeric() || matches!(char, '_' | '.' | '-');
        let end = self.rest.find(|char| !within(char));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }

    fn printed_call(&mut self) -> Option<(String, String)> {
        let printed = self.eat("print(");
        let call = self.call()?;
        (!printed || self.eat(")")).then_some(call)
    }

    fn call(&mut self) -> Option<(String, String)> {
        let name = self.word()?;
        if !self.eat("(") {
            return None;
        }
        let mut arguments = Vec::new();
        while !self.eat(")") {
            let key = self.word()?;
            if !self.eat("=") {
                return None;
            }
            arguments.push((Value::from(key), self.value()?));
            if !self.eat(",") && !self.rest.starts_with(')') {
                return None;
            }
        }
        Some((name, object(&arguments)))
    }

    /// A value as JSON.
    fn value(&mut self) -> Option<String> {
        self.blank();
        if self.depth >= DEPTH_LIMIT {
            return None;
        }
        self.depth += 1;
        let value = match self.rest.chars().next()? {
            '"' | '\'' => self.string().map(|text| Value::from(text).to_string()),
            '[' => self.list(),
            '{' => self.dictionary(),
            _ => match self.bare()?.as_str() {
                "True" | "true" => Some("true".to_owned()),
                "False" | "false" => Some("false".to_owned()),
                "None" | "null" => Some("null".to_owned()),
                number => {
                    let number = serde_json::from_str::<serde_json::Number>(number).ok()?;
                    Some(number.to_string())
                }
            },
        };
        self.depth -= 1;
        value
    }

    fn bare(&mut self) -> Option<String> {
        let within = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '+');
        let end = self.rest.find(|char| !within(char))?;
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(word.to_owned())
    }

    fn list(&mut self) -> Option<String> {
        self.eat("[");
        let mut items = Vec::new();
        while !self.eat("]") {
            items.push(self.value()?);
            if !self.eat(",") && !self.rest.starts_with(']') {
                return None;
            }
        }
        Some(format!("[{}]", items.join(", ")))
    }

    fn dictionary(&mut self) -> Option<String> {
        self.eat("{");
        let mut items = Vec::new();
        while !self.eat("}") {
            self.blank();
            let key = self.string()?;
            if !self.eat(":") {
                return None;
            }
            items.push((Value::from(key), self.value()?));
            if !self.eat(",") && !self.rest.starts_with('}') {
                return None;
            }
        }
        Some(object(&items))
    }

    fn string(&mut self) -> Option<String> {
        let quote = self
            .rest
            .chars()
            .next()
            .filter(|char| "\"'".contains(*char))?;
        let triple = quote.to_string().repeat(3);
        let end = if self.rest.starts_with(&triple) {
            triple
        } else {
            quote.to_string()
        };
        self.rest = &self.rest[end.len()..];
        let mut text = String::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix(end.as_str()) {
                self.rest = rest;
                return Some(text);
            }
            let mut chars = self.rest.chars();
            match chars.next()? {
                '\\' => text.push(match chars.next()? {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    other => other,
                }),
                char => text.push(char),
            }
            self.rest = chars.as_str();
        }
    }
}

fn object(items: &[(Value, String)]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|(key, value)| format!("{key}: {value}"))
        .collect();
    format!("{{{}}}", items.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_calls_are_read_and_programs_are_not() {
        let calls = |text| python_calls(text).unwrap_or_default();
        let one = |name: &str, arguments: &str| (name.to_owned(), arguments.to_owned());
        assert_eq!(
            calls("print(get_weather(city='Oslo', days=3, units=[\"C\", None], deep={'a': True}))"),
            [one(
                "get_weather",
                r#"{"city": "Oslo", "days": 3, "units": ["C", null], "deep": {"a": true}}"#
            )]
        );
        assert_eq!(
            calls("[a(), b(text='it\\'s \"ü\"\\n')]"),
            [one("a", "{}"), one("b", r#"{"text": "it's \"ü\"\n"}"#)]
        );
        assert_eq!(
            calls("a(x=1)\nb(y=-2.5)"),
            [one("a", r#"{"x": 1}"#), one("b", r#"{"y": -2.5}"#)]
        );
        for program in [
            "",
            "x = 1",
            "a(1)",
            "a(x=b)",
            "a(x=1",
            "a(x='",
            "import os\na(x=1)",
        ] {
            assert_eq!(python_calls(program), None, "{program}");
        }
        assert_eq!(python_calls(&format!("a(x={})", "[".repeat(100_000))), None);
    }
}

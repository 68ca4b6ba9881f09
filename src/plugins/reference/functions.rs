//! The functions the house gives to scripts, each with one sentence and an example. A test runs every
//! example, and finds every function that is registered here, and no other.

pub(crate) struct FunctionText {
    /// `name(parameter: type, …) -> type`.
    pub(crate) signature: &'static str,
    pub(crate) sentence: &'static str,
    pub(crate) example: &'static str,
}

const fn function(
    signature: &'static str,
    sentence: &'static str,
    example: &'static str,
) -> FunctionText {
    FunctionText {
        signature,
        sentence,
        example,
    }
}

impl FunctionText {
    #[cfg(test)]
    pub(crate) fn name(&self) -> &'static str {
        self.signature.split('(').next().unwrap_or_default()
    }
}

pub(crate) const FUNCTIONS: &[FunctionText] = &[
    function("allow() -> map", "The answer of a hook: yes.", "allow()"),
    function(
        "refuse(reason: string) -> map",
        "The answer of a hook: no, and what the person reads.",
        "refuse(\"not on Sundays\")",
    ),
    function(
        "allow_with(grant: map) -> map",
        "The answer of registration_before_accept: yes, and the account gets this.",
        "allow_with(#{groups: [\"pupils\"], tokens: 50000})",
    ),
    function(
        "change(change: map) -> map",
        "The answer of reply_before_start: yes, and the request becomes this.",
        "change(#{max_tokens: 500})",
    ),
    function(
        "setting(name: string) -> any",
        "The value of a setting of plugin.toml, as the administrator has it.",
        "setting(\"example\")",
    ),
    function(
        "caller() -> string or ()",
        "The id of the person whose action it is; () where there is no account yet.",
        "caller()",
    ),
    function(
        "log(value: any)",
        "Writes a line to the plugin's log, as print and debug do; 50 lines of 500 characters, 4 KiB in all, a call.",
        "log(\"seen\")",
    ),
    function(
        "json_parse(text: string) -> any",
        "What a text in JSON holds.",
        "json_parse(\"[1, 2]\")",
    ),
    function(
        "json_write(value: any) -> string",
        "A value as a text in JSON.",
        "json_write(#{a: 1})",
    ),
    function(
        "now() -> map",
        "The time, with the fields of now; the same throughout a call.",
        "now().year",
    ),
    function(
        "time_parse(text: string) -> integer",
        "A time such as 2026-11-23T09:00:00+01:00, in milliseconds since 1970.",
        "time_parse(\"2026-11-23T09:00:00Z\")",
    ),
    function(
        "time_in(unix_ms: integer, time_zone: string) -> map",
        "A time in a time zone, with the fields of now.",
        "time_in(0, \"Europe/Berlin\").hour",
    ),
    function(
        "time_write(unix_ms: integer) -> string",
        "A time as a text in UTC.",
        "time_write(0)",
    ),
    function(
        "regex_match(pattern: string, text: string) -> boolean",
        "Whether a regular expression matches somewhere in a text.",
        "regex_match(\"^a+$\", \"aaa\")",
    ),
    function(
        "regex_find(pattern: string, text: string) -> array",
        "The first match and its groups, () for a group that is not there; empty without a match.",
        "regex_find(\"(b)(c)?\", \"ab\")",
    ),
    function(
        "regex_replace(pattern: string, text: string, with: string) -> string",
        "A text with every match replaced; $1 is the first group.",
        "regex_replace(\"(a)b\", \"abab\", \"$1\")",
    ),
    function(
        "store_get(key: string) -> any",
        "What the plugin keeps under a key, or ().",
        "store_get(\"seen\")",
    ),
    function(
        "store_set(key: string, value: any)",
        "Keeps a value; 1,000 keys and 1 MiB a plugin.",
        "store_set(\"seen\", 1)",
    ),
    function(
        "store_remove(key: string) -> boolean",
        "Forgets a key; whether there was something.",
        "store_remove(\"seen\")",
    ),
    function(
        "store_list(prefix: string) -> array of strings",
        "The keys that begin so, in order.",
        "store_list(\"\")",
    ),
    function(
        "http_get(url: string) -> map",
        "Asks another server: #{status, body}; only hosts that were confirmed, 1 MiB, no redirects.",
        "http_get(\"https://example.org/\")",
    ),
    function(
        "http_post(url: string, body: string) -> map",
        "Sends a text to another server, as http_get; a dry run posts nothing.",
        "http_post(\"https://example.org/\", \"x\")",
    ),
];

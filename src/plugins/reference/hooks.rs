//! The hooks with what each is told and may answer. A test holds this to the questions' own types.

use crate::plugins::hook::Hook;

pub(super) struct HookText {
    pub(super) hook: Hook,
    pub(super) sentence: &'static str,
    /// What it may answer.
    pub(super) answers: &'static str,
    /// What holds without an answer, where `plugin.toml` does not say.
    pub(super) otherwise: &'static str,
}

pub(super) const HOOKS: &[HookText] = &[
    HookText {
        hook: Hook::RegistrationBeforeAccept,
        sentence: "May this person have an account?",
        answers: "`allow()`, `refuse(reason)`, or `allow_with(#{groups: [name…], tokens: n, role: \"user\" | \"auditor\"})`, whose fields may be left out; no script makes an administrator",
        otherwise: "refused: “the rules of this house cannot be asked at the moment”",
    },
    HookText {
        hook: Hook::MessagePrice,
        sentence: "What does this message cost?",
        answers: "a whole number of tokens of the allowance, 0 or more, or `()` for the house's price",
        otherwise: "the house's price; there is nothing to refuse",
    },
    HookText {
        hook: Hook::ReplyBeforeStart,
        sentence: "May this reply be written?",
        answers: "`allow()`, `refuse(reason)`, or `change(#{model: id, max_tokens: n, temperature: x})`, whose fields may be left out",
        otherwise: "the reply is written",
    },
];

pub(super) struct TypeText {
    /// The parameter of the hooks.
    pub(super) name: &'static str,
    pub(super) sentence: &'static str,
    /// Name, type, sentence.
    pub(super) fields: &'static [(&'static str, &'static str, &'static str)],
}

pub(super) const TYPES: &[TypeText] = &[
    TypeText {
        name: "key",
        sentence: "The registration key that was given, or `()`.",
        fields: &[
            ("id", "string", "Of the key."),
            ("prefix", "string", "The part of it that may be shown."),
            (
                "note",
                "string or ()",
                "The administrator's; told where `data` names `note`.",
            ),
            ("role", "string", "What the account will be."),
            ("groups", "array of strings", "By name."),
            ("tokens", "integer or ()", "The allowance it carries."),
            ("expires_at", "integer or ()", "In milliseconds since 1970."),
            (
                "uses_left",
                "integer or ()",
                "How often it can still be used.",
            ),
            ("created_at", "integer", "In milliseconds since 1970."),
        ],
    },
    TypeText {
        name: "applicant",
        sentence: "Who wants an account.",
        fields: &[
            (
                "username",
                "string or ()",
                "Told where `data` names `names`.",
            ),
            (
                "email",
                "string or ()",
                "The whole address; told where `data` names `email`.",
            ),
            (
                "email_domain",
                "string or ()",
                "What stands behind the @, in lower case.",
            ),
            (
                "display_name",
                "string or ()",
                "Told where `data` names `names`.",
            ),
            (
                "address",
                "string or ()",
                "Of the network; told where `data` names `address`.",
            ),
            ("language", "string or ()", "As the browser says it."),
        ],
    },
    TypeText {
        name: "now",
        sentence: "The time, in the time zone of the house's machine.",
        fields: &[
            ("unix_ms", "integer", "Milliseconds since 1970."),
            ("year", "integer", "Such as 2026."),
            ("month", "integer", "1 to 12."),
            ("day", "integer", "1 to 31."),
            ("hour", "integer", "0 to 23."),
            ("minute", "integer", "0 to 59."),
            ("weekday", "integer", "1 is Monday, 7 is Sunday."),
            ("time_zone", "string", "Such as Europe/Berlin."),
            ("iso", "string", "Such as 2026-11-23T10:00:00+01:00."),
        ],
    },
    TypeText {
        name: "user",
        sentence: "Whose message it is.",
        fields: &[
            ("id", "string", "Of the account."),
            (
                "username",
                "string or ()",
                "Told where `data` names `names`.",
            ),
            ("role", "string", "Such as user."),
            ("groups", "array of strings", "By name."),
        ],
    },
    TypeText {
        name: "model",
        sentence: "The model that answers.",
        fields: &[
            ("id", "string", "As people choose it."),
            ("name", "string", "As people see it."),
            (
                "size_bytes",
                "integer or ()",
                "Of its file; () on another server.",
            ),
            (
                "context_tokens",
                "integer or ()",
                "What a conversation may hold.",
            ),
        ],
    },
    TypeText {
        name: "usage",
        sentence: "What the reply took, or will take.",
        fields: &[
            ("prompt_tokens", "integer", "That were read."),
            (
                "cached_tokens",
                "integer",
                "Of those, that were known already.",
            ),
            ("completion_tokens", "integer", "That were written."),
            (
                "estimated",
                "boolean",
                "True before the reply, when it is a guess.",
            ),
        ],
    },
    TypeText {
        name: "conversation",
        sentence: "Where the reply will stand.",
        fields: &[
            (
                "id",
                "string or ()",
                "() where nothing is kept, as on `/v1`.",
            ),
            (
                "message_count",
                "integer",
                "Messages there, the one to be answered included; on `/v1` those that were sent, or the prompts.",
            ),
        ],
    },
    TypeText {
        name: "request",
        sentence: "What is asked of the model.",
        fields: &[
            ("model", "string", "Its id."),
            (
                "max_tokens",
                "integer or ()",
                "The most that may be written.",
            ),
            ("temperature", "number or ()", "How freely it is written."),
            (
                "system_prompt_chars",
                "integer",
                "How long the instruction is.",
            ),
            (
                "content_chars",
                "integer",
                "How long the message to be answered is; on `/v1` all messages but instructions, or all prompts together.",
            ),
            ("adapters", "array of strings", "By id."),
        ],
    },
];

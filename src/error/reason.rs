//! Why something was refused, in a word that does not change: `details.reason` of an error, by which
//! the page says it in the reader's language. This is the one list; the one in docs/API.md is made
//! from it. A sentence may be reworded, a word may not. Rooms set it with `Error::with_reason`.

use std::fmt::Write;

macro_rules! reasons {
    ($($name:ident = $word:literal: $meaning:literal,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Reason {
            $($name,)*
        }

        impl Reason {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As programs see it.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// For docs/API.md, with what else stands in the details.
            const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }
        }
    };
}

reasons! {
    WrongCredentials = "wrong_credentials": "the name or the password is wrong; which of the two is not said",
    AccountDisabled = "account_disabled": "an administrator has shut this account out",
    EmailUnproved = "email_unproved": "the link that proves the e-mail has yet to be followed",
    ApprovalAwaited = "approval_awaited": "an administrator has yet to let this account in",
    AccountGone = "account_gone": "the account was deleted or shut out meanwhile",
    TooManyAttempts = "too_many_attempts": "too many guesses failed; `retry_after_s`",
    TooManyRequests = "too_many_requests": "`retry_after_s`",
    TooManySignIns = "too_many_sign_ins": "too many people sign in at this moment",

    RegistrationClosed = "registration_closed": "nobody may make an account",
    KeyNeeded = "key_needed": "only who has a registration key may",
    KeyUnknown = "key_unknown": "there is no such registration key",
    KeyWithdrawn = "key_withdrawn": "the registration key was withdrawn",
    KeyExpired = "key_expired": "the time of the registration key is over",
    KeyUsedUp = "key_used_up": "the registration key has made all its accounts",
    SetupLinkExpired = "setup_link_expired": "the set-up link is good no more",
    SetUpAlready = "set_up_already": "there is an administrator already",
    LinkUsedOrExpired = "link_used_or_expired": "a mailed link that is good no more, or never was",

    NameTaken = "name_taken": "something else has this name; `field`",
    UsernameMalformed = "username_malformed": "`minimum`, `maximum` characters",
    UsernameReserved = "username_reserved": "the name is kept for the house",
    EmailTaken = "email_taken": "another account has this e-mail",
    EmailNeeded = "email_needed": "an e-mail must be given here",
    EmailMalformed = "email_malformed": "this is no e-mail address",
    PasswordTooShort = "password_too_short": "`minimum`, `maximum` characters",
    PasswordTooLong = "password_too_long": "`minimum`, `maximum` characters",
    PasswordTooCommon = "password_too_common": "many people use it, or one much like it",
    PasswordTooEasy = "password_too_easy": "it is easily guessed",
    PasswordWrong = "password_wrong": "the current password is another one",
    PasswordChanged = "password_changed": "the password was changed meanwhile",

    NoEmailToProve = "no_email_to_prove": "no address of this account waits to be proved",
    MailNotSetUp = "mail_not_set_up": "this house sends no mail",
    TooManyMails = "too_many_mails": "this address got too many such mails; `retry_after_s`",
    TooManyMailsAsked = "too_many_mails_asked": "this account, or this network, had too many mails sent to others; `retry_after_s`",
    MailQueueFull = "mail_queue_full": "too many mails wait to be sent",
    AdministratorAlready = "administrator_already": "one cannot ask for what one is",
    RequestOpen = "request_open": "an earlier request waits for its answer",
    RequestDecided = "request_decided": "somebody has decided this request",
    RequestUndecided = "request_undecided": "this person's request waits: decide that instead",
    ApiKeysNotAllowed = "api_keys_not_allowed": "a rule of one's groups says no",
    TooManyApiKeys = "too_many_api_keys": "`maximum`",
    ScopeNeeded = "scope_needed": "an API key is good for something",

    AdministratorsOnly = "administrators_only": "not with this role",
    AuditorsOnly = "auditors_only": "for auditors and administrators",
    LastAdministrator = "last_administrator": "a house keeps an administrator",
    BreakGlassOff = "break_glass_off": "nobody may look at others' conversations in this house",
    ReasonNeeded = "reason_needed": "say why; the owner reads it",

    TextTooLong = "text_too_long": "`maximum` characters",
    NotOneLine = "not_one_line": "too long, too short, or not one line; `minimum`, `maximum` characters",
    OutOfRange = "out_of_range": "`minimum`, `maximum`",
    TimeIsOver = "time_is_over": "this moment has passed",

    GroupReserves = "group_reserves": "without this group everybody might use `name`",
    GroupUnknown = "group_unknown": "there is no such group to be in",
    GroupOfEveryone = "group_of_everyone": "it keeps its name, and stays",
    TooManyGroups = "too_many_groups": "`maximum`",
    TooManyRules = "too_many_rules": "of one group; `maximum`",

    NoKeyInText = "no_key_in_text": "there is nothing to load",
    TooManyKeys = "too_many_keys": "in the house; `maximum`",
    TooManyKeysAtOnce = "too_many_keys_at_once": "`maximum`",
    KeyLinesWrong = "key_lines_wrong": "nothing was loaded; each of `lines` has a `line`, a `problem` and a `reason`",
    KeyKnown = "key_known": "this key is in the house already",
    KeyRepeated = "key_repeated": "the same key as in line `first`",
    KeyCharacters = "key_characters": "a key has no spaces and none but ASCII characters",
    KeyLength = "key_length": "`minimum`, `maximum` characters",
    KeyTooSimple = "key_too_simple": "fewer than `minimum` different characters",

    MailServerMalformed = "mail_server_malformed": "this is no name of a server",
    MailNotPrivate = "mail_not_private": "mail to a server out in the world goes encrypted",
    PasswordNeededAgain = "password_needed_again": "it would go to another server, or in another way",

    MessageEmpty = "message_empty": "a message needs some text",
    MessageTooLong = "message_too_long": "`limit_bytes`",
    PromptTooLong = "prompt_too_long": "the system prompt; `limit_bytes`",
    ReplyRunning = "reply_running": "the reply is still being written",
    ReplyComplete = "reply_complete": "there is nothing to go on with",
    ConversationChanged = "conversation_changed": "it changed while it was asked about; try again",
    AccessChanged = "access_changed": "what one may use has changed meanwhile; choose again",
    NoModel = "no_model": "the house has no model that can answer",
    ModelUnknown = "model_unknown": "there is no such model, or one may not use it",
    ModelProbing = "model_probing": "the house is still looking at this model",
    ModelUnusable = "model_unusable": "the file of this model cannot be used",
    ModelCrashed = "model_crashed": "the model ended again and again on this request",
    AdapterUnknown = "adapter_unknown": "there is no such adapter, or one may not use it; `name`",
    AdapterOfOtherModel = "adapter_of_other_model": "the adapter `name` is made for the model `model`",
    AdapterUnusable = "adapter_unusable": "the file of the adapter `name` cannot be used",
    TooManyAdapters = "too_many_adapters": "together; `maximum`",
    AdapterKnown = "adapter_known": "the house has this file, as the adapter `id`",
    AdapterTooLarge = "adapter_too_large": "`limit_bytes`",
    AdaptersFull = "adapters_full": "in the house; `maximum`",
    TooManyUploads = "too_many_uploads": "at this moment",
    DiskFull = "disk_full": "the disk of the house has no room for it",
    TooManySources = "too_many_sources": "`maximum`",
    SourceKeyNeededAgain = "source_key_needed_again": "it would go to another address",

    AmountNeeded = "amount_needed": "neither an amount nor a limit was given",
    TooLittleLeft = "too_little_left": "`balance` are left to take back",
    TooMuch = "too_much": "no allowance holds that much",

    PluginNameMalformed = "plugin_name_malformed": "lower-case letters, digits and `-`; `minimum`, `maximum` characters",
    PluginWithoutHook = "plugin_without_hook": "the script defines none of the house's hooks",
    PluginShipped = "plugin_shipped": "what comes with the house cannot be deleted",
    PluginUnusable = "plugin_unusable": "its files must be mended first",
    ArgumentUnknown = "argument_unknown": "the function is asked with `names`",
    MomentMalformed = "moment_malformed": "`now` is no moment with a time zone",
}

const BEGIN: &str = "<!-- reasons: made by `make openapi` -->";
const END: &str = "<!-- reasons: end -->";

/// `docs/API.md` with its list made anew; None where it has no place for one.
pub fn guide_with_reasons(guide: &str) -> Option<String> {
    let (before, rest) = guide.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let mut text = format!("{before}{BEGIN}\n\n| `reason` | |\n|---|---|\n");
    for reason in Reason::ALL {
        writeln!(text, "| `{}` | {} |", reason.word(), reason.meaning()).ok()?;
    }
    write!(text, "\n{END}{after}").ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_kept_list_of_reasons_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/API.md");
        let guide = std::fs::read_to_string(path).expect("it can be read");
        let made = guide_with_reasons(&guide).expect("it has a place for the list");
        assert!(made == guide, "docs/API.md: refresh it: make openapi");
    }

    #[test]
    fn no_two_reasons_are_one_word_and_each_is_one() {
        let words: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.word()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
        let is_word = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        assert!(words.iter().all(is_word), "{words:?}");
    }
}

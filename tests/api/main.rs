//! Black-box tests: every promise of docs/API.md, asked of the real binary over a real socket.
//!
//! One file a resource, named as in `src/http/api/`, and some for what goes through all of them.
//! A test's name is the sentence it proves. `support/` starts houses and speaks for people.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests spawn tasks, read the environment and say what they found"
)]

mod adapters;
mod adapters_in_use;
mod api_keys;
mod audit;
mod auth;
mod bad_input;
mod bodies;
mod branches;
mod break_glass;
mod cli;
mod cli_accounts;
mod clients;
mod connections;
mod conversations;
mod cookies;
mod crash;
mod every_operation;
mod exports;
mod groups;
mod headers;
mod health;
mod hosts;
mod jobs;
mod leaving;
mod limits;
mod mail;
mod mail_queue;
mod mail_security;
mod mail_to_people;
mod messages;
mod models;
mod notices;
mod openai;
mod openai_choices;
mod openai_embeddings;
mod openai_text;
mod openai_tools;
mod openapi;
mod overview;
mod pages;
mod peer;
mod people;
mod plugins;
mod plugins_asked;
mod plugins_failing;
mod plugins_hostile;
mod plugins_manifest;
mod plugins_older;
mod plugins_outgoing;
mod plugins_pressed;
mod plugins_rehearsed;
mod plugins_relied_on;
mod plugins_seats;
mod plugins_server;
mod plugins_shipped;
mod plugins_values;
mod policies;
mod policies_of_replies;
mod pulling;
mod reasons;
mod recovery;
mod recovery_by_mail;
mod registration_keys;
mod remote_replies;
mod remote_sources;
mod replies;
mod requests;
mod requests_by_mail;
mod resuming;
mod rights;
mod secrets;
mod sessions;
mod settings;
mod setup;
mod strangers;
mod support;
mod thinking;
mod throttle;
mod tokens;
mod tokens_crash;
mod tokens_of_endings;
mod tokens_of_groups;
mod tokens_of_programs;
mod upgrading;
mod users;

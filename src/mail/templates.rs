//! What mails look like: the templates of `assets/mail/`, a folder a language, `NAME.txt` and
//! `NAME.html` a mail, and one layout for each of the two forms.
//!
//! The first line of `NAME.txt` is the subject. Values are escaped in HTML, and none of them is
//! ever a template itself.

use std::sync::OnceLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use rust_embed::RustEmbed;

use super::kinds::Mail;
use super::wording::line;
use crate::error::{Error, Result};

#[derive(RustEmbed)]
#[folder = "assets/mail/"]
struct TemplateFiles;

/// A mail as people see it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

fn templates() -> &'static Environment<'static> {
    static TEMPLATES: OnceLock<Environment<'static>> = OnceLock::new();
    TEMPLATES.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_auto_escape_callback(|name| match name.ends_with(".html") {
            true => AutoEscape::Html,
            false => AutoEscape::None,
        });
        let mut syntax = SyntaxConfig::builder();
        let syntax = syntax.trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.expect("the usual delimiters differ from each other"));
        environment.set_loader(|name| {
            let file = TemplateFiles::get(name);
            Ok(file.map(|file| String::from_utf8_lossy(&file.data).into_owned()))
        });
        environment
    })
}

/// `house` is the address of the house.
pub(super) fn render(mail: &Mail, house: &str) -> Result<Rendered> {
    let (language, kind) = (mail.language.tag(), mail.kind.name());
    let render_as = |ending: &str| {
        let template = templates().get_template(&format!("{language}/{kind}.{ending}"));
        template.and_then(|template| {
            template.render(context! {
                name => mail.greeted_name(),
                house,
                language,
                ..Value::from(Serde(mail.kind.values(mail.language)))
            })
        })
    };
    let text = render_as("txt").map_err(Error::internal)?;
    let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
    Ok(Rendered {
        subject: line(subject),
        text: text.trim().to_owned() + "\n",
        html: render_as("html").map_err(Error::internal)?,
    })
}

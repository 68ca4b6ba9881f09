//! Every mail in every language, as people see it: it can be rendered, says what it must, and
//! nothing in it comes alive. New kinds of mails belong into [`kinds`].

use proptest::prelude::*;

use super::kinds::{Language, Mail, MailKind, Role, Wish};
use super::templates::{Rendered, render};

const HOUSE: &str = "https://chat.example.org";
const LINK: &str = "https://chat.example.org/approve/s3cret-token_of-a-link?a=1&b=2";
const AT: i64 = 1_795_289_400_000;

/// Every kind, in every variety that changes its words; what people wrote is `text`.
fn kinds(text: &str) -> Vec<MailKind> {
    let (text, link) = (|| text.to_owned(), || LINK.to_owned());
    let roles = [Role::User, Role::Auditor, Role::Administrator];
    let mut kinds = vec![
        MailKind::VerifyEmail {
            link: link(),
            expires_at: AT,
        },
        MailKind::ResetPassword {
            link: link(),
            expires_at: AT,
        },
        MailKind::ResetLinkMade { by: text(), at: AT },
        MailKind::EmailChangeAnnounced {
            new_address: text(),
        },
        MailKind::EmailChangeRequested {
            new_address: text(),
            link: link(),
            expires_at: AT,
        },
        MailKind::AccountDisabled {},
        MailKind::PluginSwitchedOff {
            plugin: text(),
            reason: text(),
        },
        MailKind::ConversationsOpened {
            by: text(),
            reason: text(),
            at: AT,
        },
        MailKind::AllowanceToppedUp { tokens: 1_000_000 },
        MailKind::Test {},
    ];
    for was in roles {
        let others = roles.into_iter().filter(|role| *role != was);
        kinds.extend(others.map(|role| MailKind::RoleChanged { role, was }));
    }
    for (everywhere, link_made_by) in [(false, None), (true, None), (true, Some(text()))] {
        kinds.push(MailKind::PasswordChanged {
            everywhere,
            keys_ended: everywhere,
            link_made_by,
        });
    }
    kinds.extend(email_changes(&text()));
    kinds.extend(decision_kinds(&text()));
    kinds
}

fn decision_kinds(text: &str) -> Vec<MailKind> {
    let (text, link) = (|| text.to_owned(), || LINK.to_owned());
    let mut kinds = Vec::new();
    for wish in [Wish::Registration, Wish::Administrator] {
        for given in [None, Some(text())] {
            kinds.push(MailKind::ApprovalRequested {
                applicant: text(),
                username: text(),
                email: given.clone(),
                wish,
                reason: given.clone(),
                link: link(),
                expires_at: AT,
            });
            for (approved, awaits_email) in [(true, true), (true, false), (false, false)] {
                kinds.push(MailKind::ApprovalDecided {
                    approved,
                    wish,
                    note: given.clone(),
                    awaits_email,
                    link_to_house: link(),
                });
            }
        }
    }
    kinds
}

/// An e-mail that is another, one that is gone, one that is there now.
fn email_changes(address: &str) -> [MailKind; 3] {
    let address = || address.to_owned();
    [(true, true), (true, false), (false, true)].map(|(old, new)| MailKind::EmailChanged {
        old_address: old.then(address),
        new_address: new.then(address),
    })
}

fn mails(name: &str, text: &str) -> Vec<Mail> {
    let each = |language| {
        kinds(text).into_iter().map(move |kind| Mail {
            to: super::Address::parse("ada@example.org").unwrap(),
            name: name.to_owned(),
            language,
            kind,
        })
    };
    Language::ALL.into_iter().flat_map(each).collect()
}

fn rendered(mail: &Mail) -> Rendered {
    render(mail, HOUSE).unwrap_or_else(|error| panic!("{}: {error}", mail.kind.name()))
}

/// What an e-mail program makes of HTML, roughly.
fn unescaped(html: &str) -> String {
    html.replace("&#x2f;", "/")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#x27;", "'")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

#[test]
fn every_mail_can_be_read_in_every_language() {
    for mail in mails("Ada", "Grace") {
        let seen = rendered(&mail);
        let at = format!("{} in {}", mail.kind.name(), mail.language.tag());
        assert!(
            (8..=100).contains(&seen.subject.chars().count()),
            "{at}: {}",
            seen.subject
        );
        for (form, text) in [("text", &seen.text), ("html", &unescaped(&seen.html))] {
            assert!(text.contains("Ada,"), "{at}: no greeting in {form}: {text}");
            assert!(text.contains(HOUSE), "{at}: no house in {form}");
            assert!(!text.contains("{{") && !text.contains("{%"), "{at}: {text}");
            let needs_link = serde_json::to_string(&mail.kind)
                .unwrap()
                .contains("s3cret");
            let is_refusal = matches!(
                mail.kind,
                MailKind::ApprovalDecided {
                    approved: false,
                    ..
                }
            );
            assert_eq!(
                text.contains(LINK),
                needs_link && !is_refusal,
                "{at}: {form}: {text}"
            );
        }
        assert!(seen.text.contains("\n\n-- \n"), "{at}: {}", seen.text);
        assert!(!seen.text.contains("\n\n\n"), "{at}: {:?}", seen.text);
        assert!(seen.text.lines().count() >= 6, "{at}: {}", seen.text);
    }
}

#[test]
fn a_mail_loads_nothing_from_elsewhere() {
    for mail in mails("Ada", "Grace") {
        let html = rendered(&mail).html;
        for loading in ["<img", "<link", "<script", "url(", "@import", "src="] {
            assert!(!html.contains(loading), "{loading} in {}", mail.kind.name());
        }
    }
}

#[test]
fn both_languages_say_different_things() {
    let all = mails("Ada", "Grace");
    let (english, german) = all.split_at(all.len() / 2);
    for (english, german) in english.iter().zip(german) {
        let (english, german) = (rendered(english), rendered(german));
        assert_ne!(english.subject, german.subject);
        assert!(english.text.starts_with("Hello Ada,"), "{}", english.text);
        assert!(german.text.starts_with("Hallo Ada,"), "{}", german.text);
    }
}

#[test]
fn what_people_wrote_stays_text() {
    let evil = "<script>alert(1)</script>{{ house }}\"'><a href=x>\r\nBcc: all@example.org";
    for mail in mails("{{ house }}<script>\"'>", evil) {
        let seen = rendered(&mail);
        assert!(!seen.html.contains("<script") && !seen.html.contains("<a href=x"));
        assert!(!seen.subject.contains('\n') && !seen.subject.contains('\r'));
        let written = seen.text.contains("{{ house }}");
        assert!(written, "a value became a template: {}", seen.text);
    }
}

#[test]
fn a_name_of_ten_thousand_letters_is_cut() {
    let long = "ö".repeat(10_000);
    for mail in mails(&long, &long) {
        let seen = rendered(&mail);
        assert!(seen.subject.chars().count() <= 101, "{}", seen.subject);
        assert!(seen.text.chars().count() < 6_000);
    }
}

proptest! {
    #[test]
    fn whatever_people_write_can_be_rendered(name in "\\PC*", text in "(?s).*") {
        for mail in mails(&name, &text) {
            let seen = rendered(&mail);
            prop_assert!(!seen.subject.chars().any(char::is_control));
            prop_assert_eq!(seen.html.matches("<a ").count(), rendered_links(&mail));
        }
    }
}

/// The house's, and one for a button.
fn rendered_links(mail: &Mail) -> usize {
    let html = rendered(&Mail {
        name: "Ada".into(),
        ..mail.clone()
    })
    .html;
    1 + usize::from(html.contains("class=\"button\""))
}

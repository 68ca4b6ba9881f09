//! A mail as it goes over the wire: both forms of it, and the headers that say what it is.
//!
//! lettre encodes every header, so that nothing a person wrote can begin another one.

use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use super::Address;
use super::kinds::Mail;
use super::settings::MailSettings;
use super::templates::render;
use super::transport::Letter;
use super::wording::line;
use crate::clock::UnixMs;
use crate::error::{Error, Result};
use crate::ids::MailId;

/// RFC 3834: nobody's holiday note shall answer this.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The name in an address of the house, where it has one; a number is none.
pub(super) fn domain_of(house: &str) -> Option<String> {
    let (_, rest) = house.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    let is_name = host.contains('.')
        && host.parse::<std::net::IpAddr>().is_err()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    is_name.then(|| host.to_ascii_lowercase())
}

/// The same mail has the same id and date however often it is tried, so that a server that took it
/// already can tell. `house` is the address of the house.
pub(super) fn write(
    mail: &Mail,
    id: MailId,
    created_at: UnixMs,
    settings: &MailSettings,
    house: &str,
) -> Result<Letter> {
    let rendered = render(mail, house)?;
    let mailbox = |name: &str, address: &Address| {
        let name = line(name);
        Mailbox::new((!name.is_empty()).then_some(name), address.0.clone())
    };
    let domain = domain_of(house);
    let id_domain = domain.as_deref().unwrap_or(settings.from_address.domain());
    let since_1970 = Duration::from_millis(created_at.max(0).cast_unsigned());
    let mut message = Message::builder()
        .from(mailbox(&settings.from_name, &settings.from_address))
        .to(mailbox(&mail.greeted_name(), &mail.to))
        .subject(rendered.subject)
        .date(SystemTime::UNIX_EPOCH + since_1970)
        .message_id(Some(format!("<{id}@{id_domain}>")))
        .header(AutoSubmitted);
    if let Some(reply_to) = &settings.reply_to {
        message = message.reply_to(mailbox("", reply_to));
    }
    let body = MultiPart::alternative_plain_html(rendered.text, rendered.html);
    let message = message.multipart(body).map_err(Error::internal)?;
    Ok(Letter {
        from: settings.from_address.clone(),
        to: mail.to.clone(),
        content: message.formatted(),
        domain,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mail::{Language, MailKind};

    fn settings() -> MailSettings {
        let settings = serde_json::json!({
            "server": "mail.example.org", "port": 465, "security": "tls",
            "from_address": "house@example.org", "from_name": "Chatelaine",
        });
        serde_json::from_value(settings).unwrap()
    }

    /// The header lines of a mail to somebody of this name about a plugin of this name.
    fn headers(name: &str, plugin: &str) -> Vec<String> {
        let mail = Mail {
            to: Address::parse("ada@example.org").unwrap(),
            name: name.to_owned(),
            language: Language::En,
            kind: MailKind::PluginSwitchedOff {
                plugin: plugin.to_owned(),
                reason: plugin.to_owned(),
            },
        };
        let house = "https://chat.example.org";
        let letter = write(&mail, MailId::generate(), 0, &settings(), house).unwrap();
        let content = String::from_utf8(letter.content).unwrap();
        assert!(content.is_ascii());
        let (head, _) = content.split_once("\r\n\r\n").unwrap();
        head.replace("\r\n ", " ")
            .split("\r\n")
            .map(str::to_owned)
            .collect()
    }

    fn names_of(headers: &[String]) -> Vec<&str> {
        let names = headers.iter().map(|line| line.split(':').next());
        names.map(Option::unwrap_or_default).collect()
    }

    const EXPECTED: [&str; 8] = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ];

    #[test]
    fn nothing_that_people_wrote_begins_another_header() {
        for evil in [
            "x\r\nBcc: all@example.org",
            "x\nSubject: other",
            "x\r\n\r\nbody",
            "x\u{0}\u{85}\u{2028}Bcc: all@example.org",
            "=?utf-8?q?=0D=0ABcc:_all=40example.org?=",
            "\u{202e}gro.elpmaxe@lla",
            "\", <all@example.org>, \"",
            "Аdа (look-alikes)",
        ] {
            let found = headers(evil, evil);
            assert_eq!(names_of(&found), EXPECTED, "{evil:?}");
            assert_eq!(found[1].matches("@example.org").count(), 1, "{}", found[1]);
        }
    }

    proptest! {
        #[test]
        fn whatever_people_write_there_are_these_headers(name in "(?s).{0,200}", plugin in "(?s).{0,200}") {
            let found = headers(&name, &plugin);
            prop_assert_eq!(names_of(&found), EXPECTED);
        }
    }

    #[test]
    fn the_house_has_a_domain_where_its_address_has_a_name() {
        for (house, domain) in [
            ("https://Chat.Example.org", Some("chat.example.org")),
            (
                "https://chat.example.org:8443/house",
                Some("chat.example.org"),
            ),
            ("http://127.0.0.1:2428", None),
            ("http://[::1]:2428", None),
            ("http://localhost:2428", None),
            ("nonsense", None),
        ] {
            assert_eq!(domain_of(house).as_deref(), domain, "{house}");
        }
    }
}
